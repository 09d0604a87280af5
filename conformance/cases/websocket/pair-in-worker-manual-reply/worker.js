const settle = () => scheduler.wait(30);
const probe = (f) => {
  try {
    return f() ?? null;
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
function watch(log, name, ws) {
  for (const type of ["open", "message", "close", "error"])
    ws.addEventListener(type, (e) =>
      log.push([
        name,
        type,
        e.constructor.name,
        type === "message" ? e.data : type === "close" ? [e.code, e.reason, e.wasClean] : (e.message ?? null),
        ws.readyState,
        e.target === ws,
        e.isTrusted,
      ]),
    );
}
export default {
  async fetch() {
    const out = {};
    {
      const log = [];
      const [a, b] = Object.values(new WebSocketPair());
      watch(log, "a", a);
      watch(log, "b", b);
      out.sendBeforeAccept = probe(() => a.send("x"));
      out.closeBeforeAccept = probe(() => a.close(1000, "x"));
      a.accept();
      out.acceptTwice = probe(() => a.accept());
      a.send("held");
      out.syncAfterSend = log.length;
      b.accept();
      out.syncAfterAccept = log.length;
      await settle();
      b.send("from b");
      b.send("again");
      out.syncAfterSend2 = log.length;
      await settle();
      a.close(4000, "bye");
      out.afterClose = [a.readyState, b.readyState, log.length];
      out.sendAfterClose = probe(() => a.send("late"));
      await settle();
      out.states = [a.readyState, b.readyState];
      out.peerSend = probe(() => b.send("to closing"));
      await settle();
      b.close(4001, "bye back");
      await settle();
      out.states2 = [a.readyState, b.readyState];
      out.closeAgain = [probe(() => a.close()), probe(() => b.close(1000)), probe(() => b.send("z"))];
      out.log = log;
    }
    {
      const log = [];
      const [a, b] = Object.values(new WebSocketPair());
      watch(log, "a", a);
      watch(log, "b", b);
      a.accept();
      b.accept();
      b.addEventListener("close", (e) => b.close(e.code, "echo " + e.reason));
      a.addEventListener("message", () => log.push("handler 2"));
      a.onmessage = (e) => log.push("onmessage " + e.data);
      a.send("1");
      b.send("2");
      a.close();
      a.close(1000, "second close");
      await settle();
      out.noCode = log;
      out.noCodeStates = [a.readyState, b.readyState];
    }
    return Response.json(out);
  },
};
