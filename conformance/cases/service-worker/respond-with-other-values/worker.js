const values = {
  text: "x",
  number: 5,
  null: null,
  undefined: undefined,
  object: {},
  function: () => 1,
  thenable: { then: (resolve) => resolve(new Response(null, { status: 202 })) },
};
addEventListener("fetch", (event) => {
  const name = new URL(event.request.url).pathname.slice(1);
  if (name === "promiseOfText") return event.respondWith(Promise.resolve("x"));
  if (name === "nothing") {
    try {
      event.respondWith();
    } catch (error) {
      event.respondWith(new Response(`${error.name}: ${error.message}`));
    }
    return;
  }
  try {
    event.respondWith(name === "response" ? new Response("made in the event", { status: 201 }) : values[name]);
  } catch (error) {
    event.respondWith(new Response(`${error.name}: ${error.message}`));
  }
});
