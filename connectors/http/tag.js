/* Recado's contact information tag.
 *
 * recado.contact({contact: "ana@example.com", fields: {_mobilePhone: "612 34 56 78", first_name: "Ana"},
 *                 evidence: "words that the visitor agreed to"})  gives a Promise of true, or of an Error with the reason.
 *
 * Or without a line of script: <form data-recado-contact> whose inputs say which field they are:
 *   <input data-recado="contact">  <input data-recado="_mobilePhone">  <input data-recado="first_name">
 *   <label><input type="checkbox" data-recado="_smsSubscriptionStatus" value="subscribed"> Send me offers by SMS</label>
 * A box that is ticked gives its value, and its label's words are the evidence; one that is not gives nothing.
 */
(function () {
  "use strict";
  var url = document.currentScript.src.replace(/\.js(?:[?#].*)?$/, "") + "/contacts";

  function id() {
    var bytes = new Uint8Array(16);
    crypto.getRandomValues(bytes);
    return Array.prototype.map.call(bytes, function (b) { return (b + 256).toString(16).slice(1); }).join("");
  }

  function post(body, attempts) {
    return fetch(url, {
      method: "POST", mode: "cors", credentials: "omit", keepalive: true,
      headers: {"Content-Type": "application/json"}, body: body
    }).then(function (answer) {
      if (answer.status === 202) { return true; }
      if (answer.status === 503 && attempts > 1) { return again(body, attempts); }
      return answer.json().then(function (problem) { throw new Error(problem.detail || problem.title); });
    }, function (lost) {
      if (attempts > 1) { return again(body, attempts); }
      throw lost;
    });
  }

  // The same id again: what arrived twice counts once.
  function again(body, attempts) {
    return new Promise(function (go) { setTimeout(go, 1000 * (4 - attempts)); }).then(function () {
      return post(body, attempts - 1);
    });
  }

  function contact(said) {
    return post(JSON.stringify({id: id(), contact: said.contact, fields: said.fields || {}, evidence: said.evidence}), 3);
  }

  function words(input) {
    return Array.prototype.map.call(input.labels || [], function (label) { return label.textContent; })
      .join(" ").replace(/\s+/g, " ").trim();
  }

  document.addEventListener("submit", function (event) {
    var form = event.target, said = {fields: {}};
    if (!form.matches || !form.matches("form[data-recado-contact]")) { return; }
    Array.prototype.forEach.call(form.querySelectorAll("[data-recado]"), function (input) {
      var name = input.getAttribute("data-recado"), box = input.type === "checkbox" || input.type === "radio";
      if (!input.value || (box && !input.checked)) { return; }
      if (name === "contact") { said.contact = input.value.trim(); return; }
      if (name === "_smsSubscriptionStatus") { said.evidence = input.getAttribute("data-recado-evidence") || words(input); }
      said.fields[name] = input.value;
    });
    contact(said).then(function () {
      form.dispatchEvent(new CustomEvent("recado:sent"));
    }, function (error) {
      form.dispatchEvent(new CustomEvent("recado:refused", {detail: error.message}));
    });
  });

  window.recado = {contact: contact};
})();
