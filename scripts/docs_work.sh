# Sourced by the scripts that write pages of docs/.

# keep_of_same DIR SETTINGS: makes DIR; what another run left there is kept if its settings were the same.
keep_of_same() {
    mkdir -p "$1"
    [ "$(cat "$1/settings" 2> /dev/null)" != "$2" ] || return 0
    rm -rf "$1"
    mkdir -p "$1"
    echo "$2" > "$1/settings"
}
