// Making elements, and saying something.

export const $ = (id) => document.getElementById(id);

const given = (children) => children.flat(2).filter((child) => child !== null && child !== undefined && child !== false);

// el("button.big", { onclick }, "text", child…)
export function el(description, attributes = {}, ...children) {
  const [tag, ...classes] = description.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...given(children));
  return element;
}

export const put = (element, ...children) => element.replaceChildren(...given(children));

// A button that cannot be pressed twice while its work is under way.
export function button(words, work, kind = "") {
  const made = el(`button${kind ? `.${kind}` : ""}`, { type: "button" }, words);
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await work();
    } finally {
      made.disabled = false;
    }
  });
  return made;
}

export function drawn(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

let leaving = null;

export function notice(what, next = "") {
  clearTimeout(leaving);
  put($("notice"), el("b", {}, what), next && el("span", {}, next));
  $("notice").hidden = false;
  leaving = setTimeout(() => ($("notice").hidden = true), 8000);
}
