# What packaging/check and the scripts that it runs elsewhere share: steps that pass, fail or are
# skipped, each with a line, and a last line that counts them.
# shellcheck shell=bash

passed=0 failed=0 skipped=0

ok() {
    printf 'ok %s\n' "$1"
    passed=$((passed + 1))
}

# not_ok NAME LOG: prints the end of the step's output too.
not_ok() {
    printf 'not ok %s\n' "$1"
    tail -n 40 "$2" | sed 's/^/# /'
    failed=$((failed + 1))
}

# skip NAME REASON
skip() {
    printf 'skipped: %s: %s\n' "$1" "$2"
    skipped=$((skipped + 1))
}

# step NAME COMMAND...: passes when the command does, which is usually a function. The text of its
# output lines that start with "= " is printed after the name.
step() {
    local name=$1 log code note
    shift
    log=$(mktemp)
    # Not in a condition, where a command that fails would not end the function.
    set +e
    (
        set -e
        "$@"
    ) >"$log" 2>&1 </dev/null
    code=$?
    set -e
    note=$(sed -n 's/^= //p' "$log")
    if [ "$code" -eq 0 ]; then ok "$name${note:+ ($note)}"; else not_ok "$name" "$log"; fi
    rm -f "$log"
    return 0
}

# fails COMMAND...: unlike a bare "!", ends the step when the command succeeds.
fails() {
    if "$@"; then return 1; fi
}

# steps WHERE COMMAND...: passes on the lines of steps that a command prints.
steps() {
    local where=$1 log line code=0
    shift
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || code=$?
    while IFS= read -r line; do
        case $line in
        'ok '*) passed=$((passed + 1)) line="ok $where: ${line#ok }" ;;
        'not ok '*) failed=$((failed + 1)) line="not ok $where: ${line#not ok }" ;;
        'skipped: '*) skipped=$((skipped + 1)) line="skipped: $where: ${line#skipped: }" ;;
        '# '*) ;;
        *) continue ;;
        esac
        printf '%s\n' "$line"
    done <"$log"
    # One that says nothing has not come to its end.
    if ! grep -q -E '^[0-9]+ passed, [0-9]+ failed' "$log"; then
        not_ok "$where: comes to its end (exit code $code)" "$log"
    fi
    rm -f "$log"
}

# The last line. Fails when a step has failed, or none passed.
summary() {
    printf '%s passed, %s failed' "$passed" "$failed"
    [ "$skipped" -eq 0 ] || printf ', %s skipped' "$skipped"
    printf '\n'
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
