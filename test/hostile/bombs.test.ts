import { runWorkerFamily } from './arena.ts';

await runWorkerFamily('bombs', 'little that becomes much');
