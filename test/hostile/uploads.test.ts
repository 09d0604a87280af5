import { runClientFamily } from './arena.ts';

await runClientFamily('uploads', 'uploads that try to leave their place');
