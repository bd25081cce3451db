#!/usr/bin/env bats
# Mistakes that people make who know other tools. From its message alone each shows what to type instead.
# bats file_tags=once

load library
load fsc

# What people have, here and in the library, before each mistake. "ssh" reaches a daemon of this library.
make_scene() {
    rm -rf here place "${LIBRARY:?}"/[!.]*
    mkdir -p here/photos/a place bin "$LIBRARY/docs"
    echo 1 | tee here/{a.txt,b.txt,shop.sql.gz,photos/1.jpg,photos/a/2.jpg} >"$LIBRARY/docs/d.txt"
    echo 2 >"$LIBRARY/docs/e.gz"
    echo mine >here/report.pdf
    echo theirs >"$LIBRARY/report.pdf"
    printf '#!/bin/sh\nexec "$FSD" --config "$CONFIG" --library "$LIBRARY" --stdio\n' >bin/ssh
    chmod +x bin/ssh
}

# type_in COMMAND: in the folder "here". {} is the private folder, also in what it says.
type_in() {
    run --separate-stderr env -C here PATH="$WORK/bin:$FSD_BUILD:$PATH" bash -o pipefail -c "${1//\{\}/$WORK}" </dev/null
    stderr=${stderr//$WORK/\{\}}
}

# check_mistakes: for each block of stdin, "$ COMMAND", "CODE MESSAGE" and "> COMMAND", the first command
# exits with CODE and says MESSAGE, and changes nothing in the library; the second one, to which the
# message leads, exits with 0 and says nothing. Tells all that do otherwise.
check_mistakes() {
    local kind rest mistake='' wanted='' count=0 wrong=()
    make_scene
    cp -a "$LIBRARY" before
    start_fsd
    while read -r kind rest; do
        case $kind in
        '$')
            mistake=$rest
            make_scene
            type_in "$mistake"
            diff -r -x .fsd before "$LIBRARY" || wrong+=("$mistake: it changes the library")
            ;;
        [0-9]*)
            [ "$status $stderr" = "$kind $rest" ] || wrong+=("$mistake: $status $stderr")
            ;;
        '>')
            make_scene
            type_in "$rest"
            [ "$status $stderr" = '0 ' ] || wrong+=("$mistake: $rest: $status $stderr")
            count=$((count + 1))
            ;;
        esac
    done
    [ "${#wrong[@]}" -eq 0 ] || fail "$(printf '%s\n' "${wrong[@]}")"
    [ "$count" -ge 5 ]
}

@test "mistakes: of people who know cp and scp" {
    check_mistakes <<'END'
$ fsc put shop.sql.gz docs/
2 fsc: docs/: no such file here (use --folder docs to store the others in a folder of the library)
> fsc put shop.sql.gz --folder docs

$ fsc put shop.sql.gz docs
2 fsc: docs: no such file here (use --folder docs to store the others in a folder of the library)
> fsc put shop.sql.gz --folder docs

$ fsc put a.txt b.txt docs/
2 fsc: docs/: no such file here (use --folder docs to store the others in a folder of the library)
> fsc put a.txt b.txt --folder docs

$ fsc put a.txt docs/new.txt
2 fsc: docs/new.txt: no such file here (use --name docs/new.txt to store the first one under that name, or --folder for a folder of the library)
> fsc put a.txt --name docs/new.txt

$ fsc put shop.sql.gz backup1:docs/
2 fsc: backup1:docs/: no such file here (--server, such as ssh://HOST, says where the library is, and --folder which folder in it)
> fsc --server ssh://backup1/ put shop.sql.gz --folder docs

$ fsc cp a.txt docs/
2 fsc: cp: no such command; did you mean put FILE --folder FOLDER or get NAME --into DIR? (see fsc help)
> fsc put a.txt --folder docs

$ fsc put photos
9 fsc: photos: is a local folder (use -R to store what is in it)
> fsc put -R photos

$ fsc put -r photos
2 fsc: put: unknown option -r; did you mean -R? (see fsc help put)
> fsc put -R photos

$ fsc put -R .
2 fsc: .: a folder without a name (use -R --folder FOLDER to store what is in it)
> fsc put -R . --folder mine

$ fsc put report.pdf
3 fsc: report.pdf: exists in the library with different content (use --replace to overwrite)
> fsc put report.pdf --replace

$ fsc put -f report.pdf
2 fsc: put: unknown option -f; did you mean --replace? (see fsc help put)
> fsc put --replace report.pdf

$ fsc get docs/d.txt .
2 fsc: .: is a local path, not a name (use --into . to fetch into that folder)
> fsc get docs/d.txt --into .

$ fsc get docs/d.txt {}/place/
2 fsc: {}/place/: is a local path, not a name (use --into {}/place to fetch into that folder)
> fsc get docs/d.txt --into {}/place

$ fsc get docs/d.txt copy.txt
4 fsc: copy.txt: no such file in the library (use --output copy.txt to fetch the first one to there)
> fsc get docs/d.txt --output copy.txt

$ fsc get docs
1 fsc: docs: is a folder, link or special file in the library (use -R to fetch a folder)
> fsc get -R docs

$ fsc get report.pdf
3 fsc: report.pdf: exists here with different content (use --force to overwrite)
> fsc get report.pdf --force

$ fsc mv docs/d.txt docs/f.txt
2 fsc: mv: no such command; did you mean get OLD, put --name NEW, then rm OLD? (see fsc help)
> fsc get docs/d.txt && fsc put d.txt --name docs/f.txt && fsc rm docs/d.txt

$ mkdir docs && fsc get docs
9 fsc: docs: is a local folder (use --into docs to fetch into it, or -R to fetch a folder)
> fsc get -R docs

$ fsc get backup1:docs/d.txt
4 fsc: backup1:docs/d.txt: no such file in the library (--server, such as ssh://HOST, says where the library is)
> fsc --server ssh://backup1/ get docs/d.txt

$ fsc ls backup1:
4 fsc: backup1:: no such file or folder in the library (--server, such as ssh://HOST, says where the library is)
> fsc --server ssh://backup1/ ls

$ fsc rm backup1:report.pdf
4 fsc: backup1:report.pdf: no such file in the library (--server, such as ssh://HOST, says where the library is)
> fsc --server ssh://backup1/ rm report.pdf

$ fsc --server ssh:backup1 ls
2 fsc: --server: ssh:backup1: not an address (use ssh://[USER@]HOST[/LIBRARY] for another machine)
> fsc --server ssh://backup1 ls

$ fsc put report.pdf --replace sha256:ed9c86a61e05623abeb71f9eeda8780dab0e28a2f69bb54813f99a2ec4b3602f
2 fsc: put: --replace sha256:ed9c86a61e05623abeb71f9eeda8780dab0e28a2f69bb54813f99a2ec4b3602f: write --replace=sha256:ed9c86a61e05623abeb71f9eeda8780dab0e28a2f69bb54813f99a2ec4b3602f, or --replace -- sha256:ed9c86a61e05623abeb71f9eeda8780dab0e28a2f69bb54813f99a2ec4b3602f for an operand (see fsc help put)
> fsc put report.pdf --replace=sha256:ed9c86a61e05623abeb71f9eeda8780dab0e28a2f69bb54813f99a2ec4b3602f
END
}

@test "mistakes: of people who know rsync" {
    check_mistakes <<'END'
$ fsc rsync photos archive/
2 fsc: rsync: no such command; did you mean put -R FOLDER or get -R FOLDER? (see fsc help)
> fsc put -R photos

$ fsc put -av photos
2 fsc: put: unknown option -a; did you mean -R? (see fsc help put)
> fsc put -R photos

$ fsc put -R photos archive/
2 fsc: archive/: no such file here (use --folder archive to store the others in a folder of the library)
> fsc put -R photos --folder archive

$ fsc put -R photos --ignore-existing
2 fsc: put: unknown option --ignore-existing; did you mean --exclusive? (see fsc help put)
> fsc put -R photos --exclusive

$ fsc sync photos
2 fsc: sync: no such command; did you mean put -R FOLDER or get -R FOLDER? (see fsc help)
> fsc put -R photos

$ ln -s nowhere link && fsc get docs/d.txt --output link
9 fsc: link: is a local symbolic link that leads nowhere (remove it first)
> rm -f link && fsc get docs/d.txt --output link

$ ln -s b.txt d.txt && fsc get docs/d.txt
9 fsc: d.txt: a local symbolic link is in the way (remove it, or use --output to follow it)
> ln -s b.txt d.txt && fsc get docs/d.txt --output d.txt

$ mkfifo d.txt && fsc get docs/d.txt
9 fsc: d.txt: something local that is not a file is in the way (remove it, or use --output to write into it)
> mkfifo d.txt && { cat d.txt >/dev/null & } && fsc get docs/d.txt --output d.txt

$ fsd-scrub {}/library
2 fsd-scrub: {}/library: it begins with a slash (use --library for the library; a FOLDER is in it)
> fsd-scrub --library {}/library 2>/dev/null

$ fsc get -R docs --output mirror
2 fsc: get: --output FILE takes no folder (use --into DIR for what -R fetches)
> mkdir mirror && fsc get -R docs --into mirror

$ fsc get -R docs mirror
4 fsc: mirror: no such file or folder in the library (use --into DIR to fetch into a folder)
> mkdir mirror && fsc get -R docs --into mirror

$ fsc get docs/d.txt --into missing
9 fsc: missing/d.txt: its local folder does not exist (make it first)
> mkdir missing && fsc get docs/d.txt --into missing

$ fsc put a.txt b.txt --name docs
2 fsc: put: --name takes one FILE (use --folder for several)
> fsc put a.txt b.txt --folder docs

$ fsc put a.txt --name docs/
2 fsc: a.txt: cannot be stored as "docs/": it ends with a slash (use --folder docs)
> fsc put a.txt --folder docs

$ fsc put a.txt --folder /docs
2 fsc: a.txt: cannot be stored as "/docs/a.txt": it begins with a slash (use --folder docs)
> fsc put a.txt --folder docs

$ fsc --server backup1:/srv ls
2 fsc: --server: backup1:/srv: not an address (use ssh://[USER@]HOST[/LIBRARY] for another machine)
> fsc --server ssh://backup1/srv ls

$ fsc get docs/d.txt --into missing/
9 fsc: missing/d.txt: its local folder does not exist (make it first)
> mkdir missing && fsc get docs/d.txt --into missing/

$ fsc get -R docs --into missing
9 fsc: docs: the local folder missing does not exist (make it first)
> mkdir missing && fsc get -R docs --into missing

$ printf 'a.txt\r\n' | fsc put --files-from -
2 fsc: standard input: line 1: ends with a carriage return (use tr -d '\r' to remove it)
> printf 'a.txt\r\n' | tr -d '\r' | fsc put --files-from -

$ fsc put a.txt --folder ''
2 fsc: a.txt: cannot be stored as "/a.txt": it begins with a slash (leave out --folder to store it at the top)
> fsc put a.txt
END
}

@test "mistakes: of people who know rclone" {
    check_mistakes <<'END'
$ fsc copy a.txt docs
2 fsc: copy: no such command; did you mean put FILE --folder FOLDER or get NAME --into DIR? (see fsc help)
> fsc put a.txt --folder docs

$ fsc lsl docs
2 fsc: lsl: no such command; did you mean ls? (see fsc help)
> fsc ls -l docs

$ fsc cat docs/d.txt
2 fsc: cat: no such command; did you mean get NAME --output -? (see fsc help)
> fsc get docs/d.txt --output -

$ fsc delete docs/d.txt
2 fsc: delete: no such command; did you mean rm? (see fsc help)
> fsc rm docs/d.txt

$ fsc purge docs
2 fsc: purge: no such command; did you mean rm -R --match '*' FOLDER? (see fsc help)
> fsc rm -R --match '*' docs

$ fsc mkdir new
2 fsc: mkdir: no such command; did you mean put --folder FOLDER, which makes it, too? (see fsc help)
> fsc put a.txt --folder new

$ fsc rmdir docs
2 fsc: rmdir: no such command; did you mean rm -R --match '*' FOLDER? (see fsc help)
> fsc rm -R --match '*' docs

$ fsc ls --include '*.txt'
2 fsc: ls: unknown option --include; did you mean --match? (see fsc help ls)
> fsc ls --match '*.txt'

$ fsc rm --older-than 30 --match '*'
2 fsc: --older-than: "30" has no unit (write 30d for days; there are s, min, h, d and w)
> fsc rm --older-than 30d --match '*'

$ fsc rm --older-than 30m --match '*'
2 fsc: --older-than: "30m" could be minutes or months (write 30min, or days as in 30d)
> fsc rm --older-than 30min --match '*'

$ fsc rm --older-than 30d docs
2 fsc: rm: --older-than needs --match PATTERN, such as '*' for all files
> fsc rm --older-than 30d --match '*' docs

$ fsc ls 'docs/*'
4 fsc: docs/*: no such file or folder in the library (use --match for a pattern)
> fsc ls --match 'docs/*'

$ fsc put report.pdf --replace --sha256 "$(sha256sum report.pdf)"
2 fsc: put: --sha256: must be 64 hexadecimal digits and nothing else (the first word of sha256sum)
> fsc put report.pdf --replace --sha256 "$(sha256sum report.pdf | cut -d ' ' -f 1)"

$ fsc ls --match '/docs/*'
2 fsc: ls: --match: no name begins with "/" or "./" (leave it out)
> fsc ls --match 'docs/*'

$ fsc rm --match './docs/*'
2 fsc: rm: --match: no name begins with "/" or "./" (leave it out)
> fsc rm --match 'docs/*'

$ fsc stat 'docs/*'
4 fsc: docs/*: no such file in the library (for a pattern use: fsc ls --match PATTERN | fsc stat --files-from -)
> fsc ls --match 'docs/*' | fsc stat --files-from -

$ fsc version
2 fsc: version: no such command; did you mean --version? (see fsc help)
> fsc --version

$ fsc exit-codes
2 fsc: exit-codes: no such command; did you mean help exit-codes? (see fsc help)
> fsc help exit-codes
END
}

@test "mistakes: of people who know aws s3" {
    check_mistakes <<'END'
$ fsc put a.txt s3://bucket/a.txt
2 fsc: s3://bucket/a.txt: no such file here (--server, such as ssh://HOST, says where the library is, and --folder which folder in it)
> fsc --server {}/socket put a.txt --folder bucket

$ fsc ls --recursive --human-readable -l
2 fsc: ls: unknown option --human-readable; did you mean --human? (see fsc help ls)
> fsc ls --recursive --human -l

$ fsc rm docs
1 fsc: docs: is a folder, link or special file in the library (use -R --match '*' to delete the files in a folder)
> fsc rm -R --match '*' docs

$ fsc rm --recursive docs
2 fsc: rm: --recursive needs --match PATTERN, such as '*' for all files
> fsc rm --recursive --match '*' docs

$ fsc rm 'docs/*'
4 fsc: docs/*: no such file in the library (use --match for a pattern)
> fsc rm --match 'docs/*'

$ fsc rm --dryrun --match '*'
2 fsc: rm: unknown option --dryrun; did you mean --dry-run? (see fsc help rm)
> fsc rm --dry-run --match '*'

$ fsc rm -f missing.txt
2 fsc: rm: unknown option -f; did you mean --missing-ok? (see fsc help rm)
> fsc rm --missing-ok missing.txt

$ fsc --endpoint-url {}/socket ls
2 fsc: unknown option --endpoint-url; did you mean --server? (see fsc help)
> fsc --server {}/socket ls

$ fsc get s3://bucket/docs/d.txt
2 fsc: s3://bucket/docs/d.txt: not a valid name: a component is empty (--server, such as ssh://HOST, says where the library is)
> fsc --server {}/socket get docs/d.txt
END
}

@test "mistakes: of people who know curl, wget and ftp" {
    check_mistakes <<'END'
$ fsc get -O copy.txt docs/d.txt
2 fsc: get: unknown option -O; did you mean -o? (see fsc help get)
> fsc get -o copy.txt docs/d.txt

$ fsc get docs/d.txt -
4 fsc: -: no such file in the library (use --output - to fetch the first one to there)
> fsc get docs/d.txt --output -

$ fsc get /docs/d.txt
2 fsc: /docs/d.txt: not a valid name: it begins with a slash (use docs/d.txt)
> fsc get docs/d.txt

$ fsc get 'docs/*'
4 fsc: docs/*: no such file in the library (for a pattern use: fsc ls --match PATTERN | fsc get --files-from -)
> fsc ls --match 'docs/*' | fsc get --files-from -

$ fsc upload a.txt
2 fsc: upload: no such command; did you mean put FILE? (see fsc help)
> fsc put a.txt

$ fsc put - <a.txt
2 fsc: put: standard input needs --name NAME
> fsc put - --name a.txt <a.txt

$ fsc dir
2 fsc: dir: no such command; did you mean ls? (see fsc help)
> fsc ls

$ fsc del docs/d.txt
2 fsc: del: no such command; did you mean rm? (see fsc help)
> fsc rm docs/d.txt

$ fsc ls -la
2 fsc: ls: unknown option -a; did you mean -l? (see fsc help ls)
> fsc ls -l

$ fsc ls -h
2 fsc: ls: -h needs -l (for help, use --help)
> fsc ls -lh

$ fsc ls typo
4 fsc: typo: no such file or folder in the library
> fsc ls

$ fsc lss
2 fsc: lss: no such command; did you mean ls? (see fsc help)
> fsc ls

$ fsc put --replce report.pdf
2 fsc: put: unknown option --replce; did you mean --replace? (see fsc help put)
> fsc put --replace report.pdf

$ fsc stat docs
1 fsc: docs: is a folder in the library (use fsc ls)
> fsc ls docs

$ fsc --match '*.pdf' ls
2 fsc: --match must come after the command (see fsc help)
> fsc ls --match '*.pdf'

$ fsc get --wait 5 docs/d.txt
2 fsc: get: --wait 5: write --wait=5, or --wait -- 5 for an operand (see fsc help get)
> fsc get --wait=5 docs/d.txt

$ fsc --server tcp:localhost:7373 ls
2 fsc: --server: tcp:localhost:7373: an IPv6 address needs brackets, as in [::1]:7373
> fsc --server {}/socket ls

$ fsc --server https://localhost:7373 ls
2 fsc: --server: https://localhost:7373: not a kind of address (HOST or HOST:PORT is TLS)
> fsc --server {}/socket ls

$ fsc --server ::1 ls
2 fsc: --server: ::1: an IPv6 address needs brackets, as in [::1]:7373
> fsc --server {}/socket ls

$ fsc trust https://backup1
2 fsc: https://backup1: has no key to pin: only HOST, HOST:PORT and [V6]:PORT have one
> fsc trust --list

$ fsc trust root@backup1
2 fsc: root@backup1: has no key to pin: only HOST, HOST:PORT and [V6]:PORT have one
> fsc trust --list

$ fsc --timeout 30 ls
2 fsc: unknown option --timeout; did you mean --max-time? (see fsc help)
> fsc --max-time 30 ls

$ fsc --server ./socket ls
2 fsc: --server: ./socket: the path of a socket must begin with a slash
> fsc --server {}/socket ls

$ fsc --server {}/typo ls
10 fsc: {}/typo: cannot connect: No such file or directory (is fsd running there? see --server)
> fsc --server {}/socket ls

$ fsc help cp
2 fsc: cp: no such command or topic; did you mean put FILE --folder FOLDER or get NAME --into DIR? (see fsc help)
> fsc help put
END
}
