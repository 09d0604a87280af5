import { runWorkerFamily } from './arena.ts';

await runWorkerFamily('output', 'attacks through what comes out');
