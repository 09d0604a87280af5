import { runWorkerFamily } from './arena.ts';

await runWorkerFamily('exhaust', 'attacks on resources');
