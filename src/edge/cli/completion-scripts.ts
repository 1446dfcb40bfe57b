const bash = `# To use it: source <(rx-discovery complete bash), for example in ~/.bashrc
_rx_discovery() {
  local line raw separator='^[:=]+$' glue= last=-1 words=()
  COMPREPLY=()
  # bash takes each colon and equals sign for a word of its own.
  for raw in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ $last -ge 0 && ( -n $glue || $raw =~ $separator ) ]]; then words[last]+=$raw; else words[++last]=$raw; fi
    if [[ $raw =~ $separator ]]; then glue=1; else glue=; fi
  done
  if [[ -n $glue ]]; then raw=; fi
  # A candidate replaces only the last of those words.
  local before=\${words[last]%"$raw"}
  while IFS= read -r line; do
    line=\${line%%$'\\t'*}
    # A name is data: the shell must not run what is in it.
    printf -v line %q "\${line#"$before"}"
    COMPREPLY+=("$line")
  done < <(rx-discovery complete-words -- "\${words[@]}" 2>/dev/null)
}
# Without candidates, bash completes names of files.
complete -o default -F _rx_discovery rx-discovery
`

const zsh = `#compdef rx-discovery
# To use it: source <(rx-discovery complete zsh), for example in ~/.zshrc after compinit
_rx_discovery() {
  local -a found
  local line
  while IFS= read -r line; do
    line=\${line//\\\\/\\\\\\\\}
    line=\${line//:/\\\\:}
    found+=("\${line/$'\\t'/:}")
  done < <(rx-discovery complete-words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then _describe 'rx-discovery' found; else _files; fi
}
compdef _rx_discovery rx-discovery
`

const fish = `# To use it: rx-discovery complete fish | source, for example in ~/.config/fish/config.fish
function __rx_discovery
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found (rx-discovery complete-words -- $words[2..] "$current" 2>/dev/null)
    if set -q found[1]
        string join \\n -- $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c rx-discovery -f -a '(__rx_discovery)'
`

/** The script of each shell that asks `complete-words` for what can follow. */
export const completionScripts: Readonly<Record<string, string>> = { bash, zsh, fish }
