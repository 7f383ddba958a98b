// What hangs on a message: attachments and files.

import { renderBlocks } from "./blocks.js";
import { h, icon, pictureUrl, safeUrl } from "./dom.js";
import { mrkdwn } from "./mrkdwn.js";

/** An attachment of a message: the older way to add to its text. where: the message. */
export function renderAttachment(attachment, where, ctx) {
  const color =
    { good: "#2eb886", warning: "#daa038", danger: "#a30200" }[attachment.color] ??
    (/^#?[0-9a-f]{6}$/i.test(attachment.color ?? "")
      ? `#${attachment.color.replace("#", "")}`
      : null);
  const title = attachment.title
    ? h(
        "div",
        { class: "attachment-title" },
        mrkdwn(
          attachment.title_link && safeUrl(attachment.title_link)
            ? `<${attachment.title_link}|${attachment.title}>`
            : attachment.title,
          ctx,
        ),
      )
    : null;
  const image = attachment.image_url && pictureUrl(attachment.image_url);
  const inner = attachment.blocks?.length
    ? renderBlocks(attachment.blocks, where, ctx)
    : [
        title,
        h(
          "div",
          { class: "message-text" },
          mrkdwn(attachment.text || (title ? "" : attachment.fallback) || "", ctx),
        ),
        (attachment.fields ?? []).map((field) =>
          h(
            "div",
            { class: "attachment-field" },
            h("strong", {}, mrkdwn(field.title ?? "", ctx)),
            h("div", {}, mrkdwn(field.value ?? "", ctx)),
          ),
        ),
        image ? h("img", { src: image, alt: attachment.fallback ?? "" }) : null,
        attachment.footer
          ? h("div", { class: "attachment-footer" }, mrkdwn(attachment.footer, ctx))
          : null,
      ];
  return h(
    "div",
    {},
    attachment.pretext
      ? h("div", { class: "message-text" }, mrkdwn(attachment.pretext, ctx))
      : null,
    h(
      "div",
      { class: "attachment", style: color ? { "--bar": color } : {} },
      h("div", { class: "blocks" }, inner),
    ),
  );
}

/** An uploaded file: a picture, or a card to download it. */
export function renderFile(file) {
  const url = pictureUrl(file.url_private);
  if (file.mimetype.startsWith("image/") && url) {
    return h(
      "figure",
      { class: "file-image" },
      h("figcaption", {}, file.title),
      h(
        "a",
        { href: url, target: "_blank", rel: "noopener noreferrer" },
        h("img", { src: url, alt: file.alt_txt || file.title, loading: "lazy" }),
      ),
    );
  }
  return h(
    "a",
    { class: "file-card", href: url ?? "#", download: file.name },
    h("span", { class: "file-icon" }, icon("file", 22)),
    h(
      "span",
      { class: "file-text" },
      h("span", { class: "file-title" }, file.title),
      h("span", { class: "file-kind" }, `${file.filetype.toUpperCase()} · ${size(file.size)}`),
    ),
  );
}

function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000
    ? `${Math.round(bytes / 1000)} kB`
    : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
