import { runClientFamily } from './arena.ts';

await runClientFamily('slow', 'slow and many clients');
