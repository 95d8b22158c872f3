// Relatives: who they are, their codes to show or print, applications (C4).

import { button } from "./elements.js";
import { drawing, get, post } from "./authority.js";
import { card, print, saveImage } from "./card.js";
import { el, put } from "./page/dom.js";
import { t } from "./page/text.js";
import { form, proofFields } from "./sign-in.js";

// A phone's photograph has 12 megapixels; the page of a register is legible with two.
const PHOTO_SIDE_MAX = 1800;
const PHOTO_BYTES_MAX = 2 * 1024 * 1024;

async function smaller(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, PHOTO_SIDE_MAX / Math.max(picture.width, picture.height));
  const canvas = el("canvas", { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  for (const quality of [0.85, 0.6, 0.4]) {
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
    if (blob.size <= PHOTO_BYTES_MAX) return blob;
  }
  throw new Error(t("photo.large"));
}

async function base64(blob) {
  const reader = new FileReader();
  const read = new Promise((resolve, reject) => Object.assign(reader, { onload: resolve, onerror: reject }));
  reader.readAsDataURL(blob);
  await read;
  return reader.result.split(",")[1];
}

function top(view) {
  view.focus({ preventScroll: true });
  view.scrollTo(0, 0);
}

async function showCode(view, tell, link) {
  await tell(async () => {
    const code = await post(`/relatives/${link.link}/code`);
    const title = t("relative.code", { relation: link.relation });
    put(
      view,
      card(
        code,
        title,
        el(
          "div.row",
          {},
          button(t("save"), () => tell(() => saveImage(code, title)), "strong"),
          button(t("print"), () => tell(() => print(() => drawing(`/relatives/${link.link}/sheet`)))),
        ),
        el("p.hint", {}, t("relative.print")),
      ),
      button(t("back"), () => show(view, tell)),
    );
    top(view);
  });
}

function item(view, tell, link) {
  const end = el("details.more", {}, el("summary", {}, t("link.end")), el("p", {}, t("link.end.why")));
  end.append(button(t("link.end.do"), () => tell(async () => (await post(`/relatives/${link.link}/end`), show(view, tell))), "danger"));
  return el(
    `li.link.${link.state}`,
    {},
    el("p.name", {}, el("span", {}, `${link.relation} · ${link.name}`), el("span.digits", {}, t("last-four", { digits: link.last_four }))),
    el("p", {}, el("b", {}, t(`link.${link.state}`)), link.reason && link.state !== "approved" && ` ${link.reason}`),
    link.state === "refused" && el("p.hint", {}, t("link.routes")),
    link.state === "approved" && button(t("relative.get"), () => showCode(view, tell, link), "strong"),
    link.state === "approved" && end,
  );
}

function application(view, tell) {
  const proof = proofFields("relative");
  const relation = el("select", { id: "relation" }, ["child", "mother", "father", "grandparent", "other"].map((key) => el("option", {}, t(`relation.${key}`))));
  const photo = el("input", { id: "photo", type: "file", accept: "image/*" });
  const unable = el("input", { id: "unable", type: "checkbox" });
  const fields = [
    el("label", { for: "relation" }, el("span", {}, t("field.relation")), relation),
    ...proof.fields,
    el("label", { for: "photo" }, el("span", {}, t("field.photo")), photo),
    el("p.hint", {}, t("field.photo.hint")),
    el("label.check", { for: "unable" }, unable, el("span", {}, t("field.unable"))),
  ];
  const send = () =>
    tell(async () => {
      const file = photo.files[0];
      const body = { relation: relation.value, relative: proof.read(), unable_to_apply: unable.checked };
      if (file) body.photo = await base64(await smaller(file));
      await post("/relatives", body);
      await show(view, tell);
    });
  put(view, el("h1", {}, t("apply.title")), el("p.lead", {}, t("apply.lead")), form(fields, t("apply.send"), send), button(t("back"), () => show(view, tell)));
  top(view);
}

export async function show(view, tell) {
  put(view, el("h1", {}, t("relatives.title")), el("p.lead", { role: "status" }, t("loading")));
  let links = null;
  await tell(async () => (links = await get("/relatives")));
  const apply = button(t("apply.title"), () => application(view, tell), "big");
  put(
    view,
    el("h1", {}, t("relatives.title")),
    links ? (links.length ? el("ul.links", {}, links.map((link) => item(view, tell, link))) : el("p.lead", {}, t("relatives.none"))) : el("p.lead", {}, t("results.online")),
    links && apply,
    el("p.hint", {}, t("relatives.hint")),
  );
}
