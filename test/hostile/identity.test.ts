import { runWorkerFamily } from './arena.ts';

await runWorkerFamily('identity', 'attacks on identity');
