class Failure extends RangeError {
  constructor(message) {
    super(message);
    this.name = "Failure";
    this.code = 5;
    this.detail = { when: new Date(1) };
  }
}
const probe = (f) => {
  try {
    return f();
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
export default {
  async fetch() {
    const own = structuredClone(new Failure("q"));
    const aggregate = structuredClone(new AggregateError([new TypeError("x"), 2], "all"));
    const caused = structuredClone(new Error("a", { cause: { b: 1 } }));
    const hidden = new Error("n");
    Object.defineProperty(hidden, "h", { value: 5 });
    const withFunction = Object.assign(new Error("n"), { f: () => 1 });
    return Response.json({
      own: [own.name, own.message, own.code, own.detail.when.getTime(), own.constructor.name, String(own)],
      aggregate: [
        aggregate instanceof AggregateError,
        aggregate.name,
        aggregate.message,
        aggregate.errors[0] instanceof TypeError,
        aggregate.errors[0].message,
        aggregate.errors[1],
      ],
      caused: caused.cause,
      hidden: structuredClone(hidden).h,
      withFunction: probe(() => structuredClone(withFunction)),
      form: probe(() => structuredClone(new FormData())),
      event: probe(() => structuredClone(new CustomEvent("x"))),
    });
  },
};
