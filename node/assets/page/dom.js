// Making elements.

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

// Replaces what an element holds; absent children are left out.
export const put = (element, ...children) => element.replaceChildren(...given(children));

// Sizes are attributes of a drawing: the policy of a page knows no inline style.
export function drawn(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...given(children));
  return element;
}
