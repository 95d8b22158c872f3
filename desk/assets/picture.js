// A picture dropped or pasted anywhere on the page: every code in it is a scan.

import { notice, refusedNotice } from "./elements.js";
import { post } from "./page/ask.js";
import { t } from "./page/text.js";

export function listen(found) {
  const take = async (files) => {
    const pictures = [...files].filter((file) => file.type.startsWith("image/"));
    for (const picture of pictures) {
      try {
        const { texts } = await post("/desk/picture", await picture.arrayBuffer(), { raw: true });
        if (texts.length === 0) notice(t("picture.nothing"), "bad");
        texts.forEach(found);
      } catch (error) {
        refusedNotice(error);
      }
    }
  };
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    take(event.clipboardData.files);
  });
}
