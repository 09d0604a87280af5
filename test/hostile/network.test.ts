import { runWorkerFamily } from './arena.ts';

await runWorkerFamily('network', 'attacks on networks');
