// Saves the files that plots hand to their viewers, see app/download.py.

function save([name, text, type]) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  // The browser may still be reading; a minute is long for a file that is in memory.
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

export function saveDownloads(live) {
  live.on_message("download", save);
}
