import { render } from 'preact';
import { App } from './app.tsx';
import { takeKeys } from './keys.ts';
import { followLinks } from './router.ts';

followLinks();
takeKeys();
render(<App />, document.body);
