import { z } from 'zod';
import { IOT_CORE } from '../../functions/sources/mqtt/mqtt.ts';
import type { AwsResources, ConnectorStep, LaptopResources, Needs } from '../needs.ts';
import { readsSecret } from '../secret-statements.ts';

/** The options that the resources depend on. */
const Options = z.object({ broker: z.string(), username: z.string().optional() });

/** Gives a source that logs in a secret of its own, into which people put the broker's password. */
export function mqttOnAws({ options }: ConnectorStep, { secret }: AwsResources): Needs {
  if (Options.parse(options).username === undefined) return { resources: {}, statements: [], network: undefined };
  const password = secret('password');
  return {
    resources: { passwordSecret: password.secret },
    statements: readsSecret('reads the password of the broker', password),
    network: undefined,
  };
}

/** A laptop has a broker of its own: on this machine, at the port that the pipeline names for it, or at MQTT's own. */
export function mqttOnLaptop({ options }: ConnectorStep, _resources: LaptopResources): unknown {
  const { broker } = Options.parse(options);
  if (broker === IOT_CORE) return { broker: `mqtt://127.0.0.1:${MQTT_PORT}` };
  const { hostname, port } = new URL(broker);
  const isHere = ['127.0.0.1', 'localhost'].includes(hostname);
  return { broker: `mqtt://127.0.0.1:${isHere && port !== '' ? port : MQTT_PORT}` };
}

const MQTT_PORT = 1_883;
