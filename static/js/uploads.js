// Says at once that a chosen file is too large, before it is sent in vain.
document.addEventListener("change", (event) => {
  const input = event.target.closest("input[type=file][data-max-bytes]");
  if (!input) return;
  const file = input.files[0];
  const most = Number(input.dataset.maxBytes);
  const large = file && file.size > most;
  input.setCustomValidity(large ? `${(file.size / 1048576).toFixed(0)} MB > ${(most / 1048576).toFixed(0)} MB` : "");
  input.reportValidity();
});
