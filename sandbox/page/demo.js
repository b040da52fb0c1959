"use strict";

const POLL_MS = 1500;
const EXAMPLES = {
  question: ["Duda con el timbrado", "Hola, ¿cómo puedo cancelar una factura del mes pasado?\n\nGracias,\nAna Torres"],
  degraded: ["El portal está muy lento", "Desde la mañana el portal tarda varios minutos en abrir cada factura.\n\nAna Torres"],
  outage: ["URGENTE: nadie puede timbrar", "Ningún usuario de la empresa puede timbrar, el sistema está caído.\n\nAna Torres"],
  english: ["Cannot stamp invoices", "Hello, I get error 301 each time I stamp an invoice. Could you help me?\n\nAna Torres"],
};

const form = document.getElementById("write");
const field = (name) => form.elements.namedItem(name);
const deskAddress = field("to").value;
const notice = document.getElementById("notice");
const shown = new Set();

function tell(text, isBad = false) {
  notice.textContent = text;
  notice.classList.toggle("bad", isBad);
}

function startThread(inReplyTo, references) {
  field("in_reply_to").value = inReplyTo;
  field("references").value = references;
  document.getElementById("thread").hidden = !inReplyTo;
}

function startFresh([subject, text]) {
  startThread("", "");
  field("to").value = deskAddress;
  field("subject").value = subject;
  field("text").value = text;
  tell("");
}

function reply(mail) {
  startThread(mail.message_id, `${mail.references} ${mail.message_id}`.trim());
  field("from").value = mail.to[0] || field("from").value;
  field("to").value = mail.reply_to || mail.from;
  field("subject").value = /^re:/i.test(mail.subject) ? mail.subject : `Re: ${mail.subject}`;
  const when = new Date(mail.at).toLocaleString("es-MX", { dateStyle: "long", timeStyle: "short" });
  const quoted = mail.text.split("\n").map((line) => `> ${line}`).join("\n");
  field("text").value = `\n\nEl ${when}, ${mail.from} escribió:\n${quoted}`;
  tell("");
  form.scrollIntoView({ behavior: "smooth", block: "start" });
  field("text").focus({ preventScroll: true });
  field("text").setSelectionRange(0, 0);
}

// The link to the status page opens; everything else a mail says stays text.
function withStatusLink(text) {
  return text.split(/(http:\/\/127\.0\.0\.1:\d+\/i\/[0-9a-z.]+)/).map((part, at) => {
    if (at % 2 === 0) return part;
    const link = document.createElement("a");
    link.href = part;
    link.textContent = part;
    return link;
  });
}

function preview(text) {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line && !line.startsWith("##-")).join(" ").slice(0, 160);
}

function show(mail) {
  const item = document.getElementById("mail").content.cloneNode(true);
  item.querySelector(".subject").textContent = mail.subject || "(sin asunto)";
  item.querySelector(".to").textContent = `Para ${mail.to.join(", ")}`;
  const time = item.querySelector("time");
  time.dateTime = mail.at;
  time.textContent = new Date(mail.at).toLocaleTimeString("es-MX");
  item.querySelector(".preview").textContent = preview(mail.text);
  item.querySelector(".text").replaceChildren(...withStatusLink(mail.text));
  item.querySelector(".reply").addEventListener("click", () => reply(mail));
  document.getElementById("mails").prepend(item);
}

async function look() {
  try {
    const answer = await fetch("/demo/mails");
    if (!answer.ok) throw new Error(String(answer.status));
    for (const mail of await answer.json()) {
      if (shown.has(mail.id)) continue;
      shown.add(mail.id);
      show(mail);
    }
    document.getElementById("empty").hidden = shown.size > 0;
    document.getElementById("count").textContent = shown.size ? `(${shown.size})` : "";
  } catch {
    tell("La demostración no responde; ¿sigue encendida?", true);
  }
}

async function keepLooking() {
  await look();
  setTimeout(keepLooking, POLL_MS);
}

async function send(event) {
  event.preventDefault();
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  tell("Enviando…");
  try {
    const answer = await fetch("/demo/send", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(Object.fromEntries(new FormData(form))),
    });
    const said = await answer.json();
    if (answer.ok) tell("La Mesa lo recibió. La respuesta aparece en la lista.");
    else if (said.error === "refused") tell(`La Mesa no lo aceptó: ${said.reply}`, true);
    else if (said.error === "bad_fields") tell("Revise los datos: falta el remitente o algo es demasiado largo.", true);
    else tell("La Mesa no responde; intente de nuevo.", true);
  } catch {
    tell("La demostración no responde; ¿sigue encendida?", true);
  }
  button.disabled = false;
  await look();
}

form.addEventListener("submit", send);
document.getElementById("fresh").addEventListener("click", () => startFresh(["", ""]));
for (const button of document.querySelectorAll("[data-example]")) {
  button.addEventListener("click", () => startFresh(EXAMPLES[button.dataset.example]));
}
keepLooking();
