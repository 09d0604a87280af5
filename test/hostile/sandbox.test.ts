import { runWorkerFamily } from './arena.ts';

await runWorkerFamily('sandbox', 'attacks on files, environment and processes');
