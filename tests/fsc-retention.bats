#!/usr/bin/env bats
# bats file_tags=once
# fsc rm --match --keep: exactly the right files are deleted. `make retention` tries more of it.

load library
load fsc

use_library() {
    mkdir -p library
    export FSC_SERVER="exec:'$FSD_BUILD/fsd' --stdio --library '$PWD/library'"
}

# make_backups COUNT: the first one is the newest, by a nanosecond each.
make_backups() {
    local number
    mkdir -p library/shop
    for ((number = 0; number < $1; number++)); do
        echo "$number" >"library/shop/$number.gz"
        touch -d "2020-01-02 03:04:05.$(printf '%09d' $((500 - number)))" "library/shop/$number.gz"
    done
}

@test "retention: random libraries and options, compared with a model" {
    use_library
    assert_silent "$TESTS/retention" model 40
}

@test "retention: what is stored last is never deleted" {
    use_library
    assert_silent "$TESTS/retention" race 10
}

@test "retention: keeps the newest, to the nanosecond" {
    use_library
    make_backups 5
    echo young >library/shop/young.gz
    run --separate-stderr "$FSC" rm --match 'shop/*.gz' --keep 3 --older-than 30d --dry-run
    assert_equal "$status $output" $'0 shop/2.gz\nshop/3.gz\nshop/4.gz'
    assert_silent "$FSC" rm --match 'shop/*.gz' --keep 3 --older-than 30d
    assert_equal "$(quiet "$FSC" ls shop)" $'shop/0.gz\nshop/1.gz\nshop/young.gz'
    # The last ones stay, however old they are.
    rm library/shop/young.gz
    assert_silent "$FSC" rm --match 'shop/*.gz' --keep 2 --older-than 30d
    assert_equal "$(quiet "$FSC" ls shop)" $'shop/0.gz\nshop/1.gz'
    assert_fails 2 "$FSC" rm --match '*' --keep 0
    assert_fails 2 "$FSC" rm --match '*' --keep -1
    assert_fails 2 "$FSC" rm --keep 3 shop/0.gz
}

@test "retention: a file that was replaced since it was listed is kept and named" {
    run --separate-stderr fake "$FSC" rm --match '*' <<'END'
> LIST match=* details=1
< OK
< 36\na size=1 mtime=5.5\nb size=1 mtime=6\n
< END
> DELETE a mtime=5.5
< FAIL mismatch x
> DELETE b mtime=6
< OK
END
    assert_equal "$status $output $stderr" '8  fsc: a: was replaced since it was listed, and is kept'
}

@test "retention: get and ls of the newest" {
    use_library
    make_backups 5
    mkdir library/shop/old
    echo old >library/shop/old/x.gz
    run --separate-stderr "$FSC" get --newest 1 --match 'shop/*.gz' --output -
    assert_equal "$status $output $stderr" '0 0 '
    assert_silent "$FSC" get --newest 2 --match '*.gz' shop
    assert_equal "$(ls ./*.gz)" $'./0.gz\n./1.gz'
    assert_silent "$FSC" get -R --newest 1 --match '*.gz' shop
    assert_equal "$(<shop/old/x.gz)" old
    assert_silent "$FSC" get --match '*1.gz' shop --newest 1 --output newest
    assert_equal "$(<newest)" 1
    assert_fails 4 "$FSC" get --match 'z*'
    assert_fails 2 "$FSC" get --newest 1 shop/0.gz
    assert_fails 2 "$FSC" get --match '*' shop --output newest
    assert_fails 2 "$FSC" get --match '*' shop --sha256 "$(printf %064d 0)"
    assert_fails 2 "$FSC" get

    assert_equal "$(quiet "$FSC" ls --newest 2 shop)" $'shop/0.gz\nshop/1.gz'
    assert_equal "$(quiet "$FSC" ls --newest 2 -t -r shop)" $'shop/1.gz\nshop/0.gz'
    assert_equal "$(quiet "$FSC" ls -t --match '[12].gz' shop)" $'shop/1.gz\nshop/2.gz'
}

@test "retention: ls by age and size" {
    use_library
    make_backups 3
    echo larger >library/shop/young
    assert_equal "$(quiet "$FSC" ls --older-than 1d shop)" $'shop/0.gz\nshop/1.gz\nshop/2.gz'
    assert_equal "$(quiet "$FSC" ls --newer-than 1d shop)" shop/young
    assert_equal "$(quiet "$FSC" ls -U --newer-than 1d -R)" shop/young
    assert_equal "$(quiet "$FSC" ls --larger-than 2 -R)" shop/young
    assert_equal "$(quiet "$FSC" ls --larger-than 6 -R)" shop/young
    assert_equal "$(quiet "$FSC" ls --larger-than 7 -R)" ''
    assert_equal "$(quiet "$FSC" ls --smaller-than 2 -R)" ''
    assert_equal "$(quiet "$FSC" ls --smaller-than 1K --older-than 1d --newest 1 -R)" shop/0.gz
    # Folders have neither.
    assert_silent "$FSC" ls --larger-than 0
    assert_fails 5 "$FSC" ls --larger-than 0 --fail-empty
    assert_fails 2 "$FSC" ls --newest 0
    assert_fails 2 "$FSC" ls --newest
    assert_fails 2 "$FSC" ls --older-than 30
    assert_fails 2 "$FSC" ls --larger-than x
    assert_fails 2 "$FSC" ls -U --newest 1
}
