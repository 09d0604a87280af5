function attempt(action) {
  try {
    action();
    return 'fine';
  } catch (error) {
    return [error.constructor.name, error.name, error.code, error.message];
  }
}

export default {
  async fetch() {
    const cleared = Array.from({ length: 5 }, () => setTimeout(() => {}, 1e8));
    for (const id of [...cleared, cleared[0], 123456789]) clearTimeout(id);
    for (let n = 0; n < 3; n++) setTimeout(() => {}, 1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const interval = setInterval(() => {}, 1e8);
    await scheduler.wait(5);
    const ids = [];
    const first = attempt(() => {
      for (;;) ids.push(setTimeout(() => {}, 1e8));
    });
    const others = {
      zero: attempt(() => setTimeout(() => {}, 0)),
      interval: attempt(() => setInterval(() => {}, 1e8)),
      signal: attempt(() => AbortSignal.timeout(1e8)),
      wait: attempt(() => void scheduler.wait(1).catch(() => {})),
      waited: await scheduler.wait(1).then(
        () => 'waited',
        (error) => error.name,
      ),
    };
    clearInterval(interval);
    const afterClearing = attempt(() => setTimeout(() => {}, 1e8));
    const full = attempt(() => setTimeout(() => {}, 1e8));
    return Response.json({ set: ids.length, first, others, afterClearing, full });
  },
};
