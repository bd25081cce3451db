#!/usr/bin/env bats
# The manual pages: man can show them, and they say the same as the programs and their sources.
# bats file_tags=once

load library
load manual

PAGES=(fsc.1 fsd.8 fsd.conf.5 fsd-protocol.7 fsd-scrub.8)

# assert_same WHAT TABLE PAGE: both files have the same lines, and there are some.
assert_same() {
    sort -u "$2" >sorted.table
    sort -u "$3" >sorted.page
    [ -s sorted.table ] || fail "there are no $1"
    run diff sorted.table sorted.page
    [ "$status" -eq 0 ] || fail "$1: < is in the table only, > in the manual only:"$'\n'"$output"
}

# assert_subset WHAT TABLE: each line on stdin is a line of the table.
assert_subset() {
    sort -u >mentioned
    run comm -23 mentioned <(sort -u "$2")
    [ -z "$output" ] || fail "there are no such $1: $output"
}

# options_of COMMAND...: the options in its output, e.g. "-l, --long", one on each line.
options_of() {
    quiet "$@" | sed -n 's/^ *\(-.*[^ ]\)  .*/\1/p'
}

# explained: of a section on stdin, the options that are explained in it, written in the same way.
explained() {
    sed -n -E 's/^ {7}((-[a-zA-Z0-9], )?--[a-z0-9-]+( [A-Z]+|\[=[A-Z]+\])?)$/\1/p'
}

# in_synopsis COMMAND...: the options in the lines on stdin that begin so.
in_synopsis() {
    sed -n "s/^ *$* / /p" | sed 's/\[=/\n/g; s/\[/ /g; s/\n/[=/g' |
        grep -o -E -e ' --?[a-zA-Z0-9][a-z0-9-]*( [A-Z]+|\[=[A-Z]+\])?' | sed 's/^ //'
}

# commands: their words.
commands() {
    quiet "$FSD_BUILD/fsc" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'
}

# sources PAGE: the text of its source, without literal blocks.
sources() {
    awk '/^```/ { open = !open; next } !open' "$SOURCE/man/$1.scd"
}

# cells: of the tables on stdin the first two cells of each row, with one space between. Where no line
# stands between columns, three spaces do.
cells() {
    sed -E '/│.*│/s/   +/ │ /g' | sed -n -E 's/^[ │]*│ *([^│]*[^│ ]) *│[ │]*([^│]*[^│ ]) *│.*/\1 \2/p'
}

@test "manual: man prints no warning" {
    local name
    for name in "${PAGES[@]}"; do
        MANROFFSEQ='' MANWIDTH=80 quiet man --warnings -E UTF-8 -l -Tutf8 -Z "$FSD_BUILD/man/$name" >/dev/null
    done
}

@test "manual: apropos finds the pages" {
    local name line
    for name in "${PAGES[@]}"; do
        line=$(page "$name" | section NAME | sed -n 's/^ \{7\}//p')
        assert_regex "$line" "^${name%.?} - [a-z].+[^.]\$"
        run quiet lexgrog "$FSD_BUILD/man/$name"
        assert_output "$FSD_BUILD/man/$name: \"$line\""
    done
}

@test "manual: the pages fit a terminal of 80 columns" {
    local name
    for name in "${PAGES[@]}"; do
        # Except lines with a digest, and included text.
        run grep -n -v -E 'sha256:[0-9a-f]{64}' < <(page "$name" 80 | awk '/^EXAMPLE CLIENT/ { exit } { print }')
        assert_line --regexp 'NAME$'
        run grep -E '[0-9]+:.{81}' <<<"$output"
        assert_output ''
    done
}

@test "manual: fsc(1) describes every command and no other" {
    local word
    for word in $(commands); do
        quiet "$FSD_BUILD/fsc" help "$word" | sed -n 's/^Usage: \(fsc [a-z]*\) \[OPTION\]\.\.\./\1/p'
    done >table
    page fsc.1 | section COMMANDS | sed -n 's/^   \(fsc .*\)/\1/p' >headings
    assert_same commands table headings
    page fsc.1 | section SYNOPSIS | sed -n 's/^ *fsc \([a-z][a-z]*\).*/\1/p' >synopsis
    commands >table
    assert_same commands table synopsis
}

@test "manual: fsc(1) describes every option of each command and no other" {
    local word heading shared
    page fsc.1 >text
    section 'COMMON OPTIONS' <text | explained >every
    options_of "$FSD_BUILD/fsc" --help >table
    assert_same 'options of every command' table every
    for word in $(commands); do
        options_of "$FSD_BUILD/fsc" help "$word" >table
        heading=$(sed -n "s/^   \(fsc $word\( .*\)\{0,1\}\)\$/\1/p" text)
        section "$heading" <text | explained >own
        # What several commands have is explained once, after their names.
        for shared in 'OPERANDS FROM A FILE' 'AT A TERMINAL' RETRIES; do
            section "$shared" <text >lists
            if sed '/^ *\(-., \)\{0,1\}--/,$d' lists | grep -q -w -e "$word"; then
                explained <lists >>own
            fi
        done
        # The synopsis has some of them, which say what is meant by the operands.
        { section SYNOPSIS <text | in_synopsis fsc "$word" || true; } | sed 's/ [A-Z]*$//' |
            assert_subset "options of fsc $word" <(grep -o -e '--[a-z-]*' table)
        # A command may have its own -h, as ls has.
        if grep -q '^-h, ' own; then sed 's/^-h, //' every; else cat every; fi >rest
        cat rest own >all
        assert_same "options of fsc $word" table all
    done
}

@test "manual: fsc(1) describes every exit code and no other" {
    page fsc.1 >text
    quiet "$FSD_BUILD/fsc" help exit-codes >table
    section 'EXIT STATUS' <text | sed -n 's/^ \{11\}//p' >codes
    assert_same 'exit codes' table codes
    grep -o -E 'exit codes? [0-9]+' text | sed 's/.* //' | assert_subset 'exit codes' <(awk '{ print $1 }' table)
    assert_equal "$(sed -n 's/^ *\([0-9]*\) .*: retry$/\1/p' table | xargs)" '10 11 12'
}

@test "manual: fsc(1) describes every setting as the table has it and no other" {
    quiet "$FSD_BUILD/fsc" help settings | grep '^[a-z]' >table
    page fsc.1 | section SETTINGS | sed -n -E 's/^ {7}([a-z][^ ]*, .*; .*)/\1/p' >shown
    assert_same 'settings of fsc' table shown
}

@test "manual: fsc(1) lists the reasons that only reports have" {
    reasons EXISTS BREACH | grep -v -e '^empty ' -e '^$' | sed 's/ .*//' >table
    page fsc.1 | section REPORTS | sed -n 's/.* one of //p' | grep -o '"[a-z]*"' | tr -d '"' >shown
    assert_same 'reasons of reports' table shown
}

# reasons FIRST LAST: words and exit codes of these rows of the table.
reasons() {
    sed -n "/\[REASON_$1\]/,/\[REASON_$2\]/s/.*= {\"\([a-z-]*\)\", \([0-9]*\),.*/\1 \2/p" "$SOURCE/protocol/reason.c"
}

@test "manual: fsd(8) and fsd-scrub(8) describe every option and no other" {
    local name
    for name in fsd fsd-scrub; do
        page "$name.8" >text
        options_of "$FSD_BUILD/$name" --help >table
        section OPTIONS <text | explained >shown
        assert_same "options of $name" table shown
        section SYNOPSIS <text | in_synopsis "$name" >shown
        sed 's/^-h, //' table >names
        assert_same "options of $name in the synopsis" names shown
    done
}

@test "manual: fsd(8) describes every right and no other" {
    quiet "$FSD_BUILD/fsd" --print-settings | sed -n 's/^anonymous, any of \(.*\); .*/\1/p' | tr -d , | tr ' ' '\n' >table
    page fsd.8 | section RIGHTS | sed -n -E 's/^ {7}([a-z]+)$/\1/p' >shown
    assert_same rights table shown
}

@test "manual: fsd(8) describes every message of the log and no other" {
    cat "$SOURCE"/daemon/*.c "$SOURCE"/daemon/*/*.c | tr -s ' \n' ' ' | grep -o -E '(log_event|begin_line)\( ?LOG_LEVEL_[A-Z]+, "[^"]*"' |
        sed -E 's/.*LEVEL_([A-Z]*), "(.*)"/\L\1\E \2/' >table
    page fsd.8 | section LOG | cells | grep -v -x 'level msg' >shown
    assert_same 'messages of the log' table shown
}

@test "manual: options, settings and reasons that are mentioned are there" {
    local name
    { options_of "$FSD_BUILD/fsd" --help; options_of "$FSD_BUILD/fsd-scrub" --help; for name in $(commands); do options_of "$FSD_BUILD/fsc" help "$name"; done; } |
        grep -o -E -e '--[a-z0-9-]+' >options
    { "$FSD_BUILD/fsd" --print-settings; "$FSD_BUILD/fsc" help settings; } | sed -n 's/^\([a-z][a-z._]*\),.*/\1/p' >setting.names
    reasons NOT_FOUND INCOMPLETE | sed 's/ .*//' >reason.words
    for name in "${PAGES[@]}"; do
        sources "$name" | sed 's/\*systemctl[^*]*\*//g' | grep -o -E -e '--[a-z][a-z0-9-]+' | assert_subset "options ($name)" options
        sources "$name" | grep -o -E '\b(limits|log)\.[a-z][a-z_]*' | assert_subset "settings ($name)" setting.names
        sources "$name" | grep -o -E '\*(FAIL|ABORT) [a-z-]+\*' | tr -d '*' | sed 's/.* //' | assert_subset "reasons ($name)" reason.words
    done
}

# in_one_line FILE: its words with one space between.
in_one_line() {
    tr -s ' \n' '  ' <"$1"
}

@test "manual: fsd.conf(5) describes every setting as the table has it and no other" {
    local line
    page fsd.conf.5 | section SETTINGS >text
    quiet "$FSD_BUILD/fsd" --print-settings >settings
    grep '^[a-z]' settings >table
    sed -n -E 's/^ {7}([a-z][^ ]*, .*; .*)/\1/p' text >shown
    assert_same 'settings of fsd' table shown
    # The page has what help says about each.
    while IFS= read -r line; do
        run grep -q -i -F -e "$line" text
        assert_success
    done < <(sed -n 's/^    //p' settings)
}

@test "manual: the sample configuration has every setting with its default" {
    local line
    quiet "$FSD_BUILD/fsd" --print-settings >settings
    sed 's/^ *#* *\** *//' "$SOURCE/etc/fsd.conf" >comments
    while IFS= read -r line; do
        run grep -q -i -F -e "$line" <<<"$(in_one_line comments)"
        assert_success
    done < <(sed -n 's/^    //p' settings)
    # As it is it changes nothing, and neither does it when all of it is taken.
    quiet "$FSD_BUILD/fsd" --config "$CONFIG" --library /x --print-config | sed 's/ *# .*//' >defaults
    quiet "$FSD_BUILD/fsd" --config "$SOURCE/etc/fsd.conf" --library /x --print-config | sed 's/ *# .*//' >sample
    run diff defaults sample
    assert_success
    mkdir empty
    sed -E -e 's/^( *)#([a-z_]+ = )/\1\2/' -e "s,/etc/fsd/conf.d,$WORK/empty," "$SOURCE/etc/fsd.conf" >all.conf
    quiet "$FSD_BUILD/fsd" --config all.conf --print-config >print
    run grep -E -v "(all.conf:[0-9]+|\\{|\\};)\$" print
    assert_output ''
    sed -e 's/^library = .*/library = "\/x";/' -e 's/^\( *\)#*\(include\|pid_file\|users\|clients\|stdio_folder\|stdio_client\|uncounted\) = .*/\1#\2 = not set/' -e 's/ *# .*//' print >all
    run diff defaults all
    assert_success
}

@test "manual: the sample of fsc's configuration has every setting with its default" {
    local line
    sed 's/^ *# *//' "$SOURCE/etc/fsc.conf" >comments
    while IFS= read -r line; do
        run grep -q -i -F -e "$line" <<<"$(in_one_line comments)"
        assert_success
    done < <(quiet "$FSD_BUILD/fsc" help settings | sed -n 's/^    //p')
    unset FSC_SERVER
    quiet "$FSD_BUILD/fsc" --config /dev/null config | sed 's/ *# .*//' >defaults
    quiet "$FSD_BUILD/fsc" --config "$SOURCE/etc/fsc.conf" config | sed 's/ *# .*//' >sample
    run diff defaults sample
    assert_success
    sed -E 's/^( *)#([a-z_]+ = )/\1\2/' "$SOURCE/etc/fsc.conf" >all.conf
    quiet "$FSD_BUILD/fsc" --config all.conf config >print
    run grep -E -v "(all.conf:[0-9]+|\\{|\\};)\$" print
    assert_output ''
    sed -E -e 's/^( *)(max_time|servers|identity|socket_users) = .*/\1#\2 = not set/' -e 's/ *# .*//' print >all
    run diff defaults all
    assert_success
}

@test "manual: fsd-protocol(7) describes every reason and its exit code and no other" {
    reasons NOT_FOUND INCOMPLETE >table
    page fsd-protocol.7 | section Reasons | sed -n -E 's/^ *│([a-z-]+) .* ([0-9]+) *│$/\1 \2/p' >shown
    assert_same reasons table shown
}

@test "manual: fsd-protocol(7) describes every request and its options and no other" {
    # A line for each, e.g. "GET offset= length= digest=".
    tr -s ' \n' ' ' <"$SOURCE/daemon/requests/requests.c" | grep -o -E '\{\.word = "[A-Z]+"[^}]*\}' |
        sed -E -e 's/.word = "([A-Z]+)"[^}]*\.options = ([^}.]*).*/\1 \2/; t' -e 's/.*"([A-Z]+)".*/\1/' |
        sed -E -e 's/BIT\(OPTION_([A-Z]+)\)/\L\1=/g' -e 's/[{|,]//g' -e 's/ +/ /g; s/ $//' >requests
    page fsd-protocol.7 | section REQUESTS | cells | sed -E -e 's/ \[?name\]?//' -e 's/=1/=/g' -e 's/ -$//' |
        grep -v '^Request ' >shown
    assert_same requests requests shown
}

@test "manual: fsd-protocol(7) describes every key of STATUS and no other" {
    mkdir "$LIBRARY"
    quiet "$FSD" --config "$CONFIG" --library "$LIBRARY" --stdio <<<'STATUS' | sed -n -E \
        -e 's/^requests\.[A-Z]+\.ok .*/requests.WORD.outcome/; s/^limits\.[a-z_]+ .*/limits.name/; s/^([a-z.A-Z]+)( .+|$)/\1/p' |
        grep -v -x -e OK -e END >table
    page fsd-protocol.7 | section STATUS | cells | sed 's/ .*//' | grep -v -x Key >shown
    assert_same 'keys of STATUS' table shown
}

# Some of the transcripts are on the page; the others have the rule that they prove as their name.
@test "manual: fsd-protocol(7) shows some transcripts and the client, and each transcript states its rule" {
    local file line
    page fsd-protocol.7 | sed 's/^ *//' >text
    while IFS= read -r file; do
        sed -e 's/^ *//' -e '/^$/d' "$SOURCE/$file" >lines
        assert_subset "lines of $file" text <lines
    done < <(sed -n 's/^@include-file //p' "$SOURCE/man/fsd-protocol.7.scd")
    [ "$(grep -c '^@include-file tests/transcripts/' "$SOURCE/man/fsd-protocol.7.scd")" -ge 3 ]
    [ "$(MANWIDTH=80 man -l "$FSD_BUILD/man/fsd-protocol.7" 2>/dev/null | wc -l)" -le 700 ]
    for file in "$TESTS"/transcripts/*; do
        read -r line <"$file"
        assert_regex "${file##*/}: $line" '^[a-z]+(-[a-z0-9]+)+: # .{10,}$'
    done
}

@test "manual: included text is shown unchanged" {
    # shellcheck disable=SC2016,SC1003
    printf '%s\n' '. dot' "'quote" '\n \\ \* \' '``` ` ````' '_a_ *b* [[ | x' '    indented' '@include-file x' \
        '; no comment' '- ~ ^ " & ++' '# heading' ä€ >included
    # The title line is that of scdoc(5).
    printf 'x(7)\n\n# NAME\n\nx - y\n\n# INCLUDED\n\n@include-file included\n' |
        quiet awk -f "$SOURCE/man/include.awk" >x.7.scd
    quiet scdoc <x.7.scd >x.7
    quiet man --warnings -E UTF-8 -l -Tutf8 x.7 | sed -n -e '$d' -e $'s/.\b//g' -e 's/^ \{11\}//p' >shown
    run diff included shown
    assert_success
    assert_output ''
}

@test "manual: an include of a missing file fails" {
    local line
    for line in '@include-file nothing' '@include-file' '@other'; do
        run awk -f "$SOURCE/man/include.awk" <<<"$line"
        assert_failure
        assert_output --partial 'include.awk: '
    done
}

# MOVE is the example of what is still to be written.
@test "contributing: the files and functions that it names are there" {
    local name
    tr '\n' ' ' <"$SOURCE/CONTRIBUTING.md" | grep -o '`[^` ]*`' | tr -d '`' | grep -v -e move -e '^build/' | sort -u >names
    cat "$SOURCE"/{protocol,settings,tls,daemon,daemon/*,cli,cli/*}/*.[ch] >source
    grep -E '^[a-z._/-]+(/|\.(c|h|bats|bash|py|scd|md|conf))$' names >files
    while IFS= read -r name; do
        [ -n "$(find "$SOURCE" -path "*/${name%/}" -print -quit)" ] || fail "there is no file $name"
    done <files
    sed -n -E 's/^([a-z]+_[a-z_]+|decide|receive|commit)(\(\)|\[\])$/\1/p' names >functions
    while IFS= read -r name; do
        grep -q -w "$name" source || fail "there is no $name()"
    done <functions
    [ -s files ] && [ -s functions ]
}
