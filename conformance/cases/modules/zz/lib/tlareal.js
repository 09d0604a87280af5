export const x = await scheduler.wait(1);
