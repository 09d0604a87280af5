const probe = (f) => {
  try {
    const v = f();
    return v === undefined ? "undefined" : v;
  } catch (e) {
    return { $error: e?.name ?? String(e), $message: e?.message };
  }
};
export default {
  async fetch() {
    const out = {};
    const p = performance;

    out.mark = probe(() => {
      const m = p.mark("a", { detail: 5 });
      return [m.constructor.name, m.name, m.entryType, m.startTime > 0, m.duration, JSON.stringify(m.detail)];
    });
    out.measure = probe(() => {
      p.mark("b");
      const m = p.measure("m", "a", "b");
      return [m.constructor.name, m.name, m.entryType, m.duration >= 0];
    });
    out.entries = probe(() => JSON.stringify(p.getEntries().map((e) => [e.name, e.entryType])));
    out.byname = probe(() => p.getEntriesByName("a").length);
    out.bytype = probe(() => p.getEntriesByType("mark").length);
    out.clear = probe(() => {
      p.clearMarks();
      return p.getEntries().length;
    });
    out.cl2 = probe(() => p.clearMeasures());
    out.nomark = probe(() => p.mark());
    out.nomeas = probe(() => p.measure());
    out.json = probe(() => Object.keys(p.toJSON()));
    out.ev = probe(() => typeof p.eventCounts);
    out.nt = probe(() => typeof p.nodeTiming);
    out.elu = probe(() => JSON.stringify(p.eventLoopUtilization()));
    out.tz = probe(() => typeof p.timerify(() => 1));
    out.rt = probe(() => p.setResourceTimingBufferSize(5));
    out.crt = probe(() => p.clearResourceTimings());
    out.mrt = probe(() => p.markResourceTiming());

    out.obs = probe(() => {
      const o = new PerformanceObserver(() => {});
      return [
        probe(() => o.observe({ entryTypes: ["mark"] })),
        probe(() => o.takeRecords().length),
        probe(() => o.disconnect()),
      ];
    });
    out.sup = probe(() => PerformanceObserver.supportedEntryTypes);
    return Response.json(out);
  },
};
