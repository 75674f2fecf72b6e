const MOMENT =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)? ?(Z|z|[+-]\d\d(?::?\d\d(?::\d\d)?)?)?$/;
const PLAIN = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/**
 * Writes a time in the one way in which times are compared: in UTC, to the microsecond, as Postgres and Parquet keep
 * it. A time without a zone is taken for UTC. Undefined: it is no time.
 */
export function momentText(text: string): string | undefined {
  if (PLAIN.test(text)) return text;
  const [, ...parts] = MOMENT.exec(text) ?? [];
  const [year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = parts;
  // JavaScript reads the years 0 to 99 as those of the last century.
  if (year === undefined || Number(year) < 100) return undefined;
  const micros = Math.round(Number(`0.${fraction || '0'}`) * 1e6);
  const millis = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const date = new Date(millis - offsetMillis(zone) + (micros === 1e6 ? 1_000 : 0));
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9_999) return undefined;
  const behind = micros === 1e6 ? '' : String(micros).padStart(6, '0').replace(/0+$/, '');
  return `${date.toISOString().slice(0, 19)}${behind === '' ? '' : `.${behind}`}Z`;
}

function offsetMillis(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0;
  const [hours = 0, minutes = 0, seconds = 0] = zone.slice(1).match(/\d\d/g)?.map(Number) ?? [];
  return (zone.startsWith('-') ? -1 : 1) * (hours * 3_600 + minutes * 60 + seconds) * 1_000;
}
