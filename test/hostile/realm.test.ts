import { runWorkerFamily } from './arena.ts';

await runWorkerFamily('realm', 'attacks on the realm');
