import { runClientFamily } from './arena.ts';

await runClientFamily('smuggling', 'requests within requests');
