import { runWorkerFamily } from './arena.ts';

await runWorkerFamily('prototypes', 'poisoned prototypes');
