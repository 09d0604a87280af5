import { runWorkerFamily } from './arena.ts';

await runWorkerFamily('platform', 'attacks through the platform’s larger interfaces');
