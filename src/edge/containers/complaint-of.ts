/** The line of etcd's output that explains why it ended or does not answer. A wrong flag is reported above a page of usage, anything else last. */
export const complaintOf = (output: string): string => {
  const lines = output.split('\n').map(line => line.trim()).filter(line => line !== '')
  return (lines.find(line => /^flag |"level":"fatal"/.test(line)) ?? lines.at(-1) ?? 'nothing').slice(0, 400)
}
