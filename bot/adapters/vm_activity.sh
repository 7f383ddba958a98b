# What this machine does, told in lines that docker_activity.py reads. It only looks.
#
# For POSIX sh (dash, bash, BusyBox) and awk (mawk, gawk, original-awk, BusyBox). The engine is not
# asked: starting its program costs more than all of this. Runs as
# `sh -c THIS ds-bot-activity /proc PROCESS_OF_OURS "$(cat vm_activity.awk)"`.
LC_ALL=C PATH=$PATH:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
export LC_ALL PATH
proc=$1 self=$2 facts=$3
exec </dev/null 2>/dev/null

if timeout -s KILL 1 true; then
    bounded() { timeout -s KILL 4 "$@"; }
else
    bounded() { "$@"; }
fi

# --- RStudio's files -----------------------------------------------------------------------------

# They belong to whoever works in the container: no link is followed, as it could lead out of it,
# and no more is read than a number has digits.
number() { # of a file; "-" when there is none, "?" when it is something else
    [ -e "$1" ] || [ -L "$1" ] || { echo -; return; }
    value='?'
    [ -L "$1" ] || ! [ -f "$1" ] || value=$(bounded dd if="$1" bs=24 count=1)
    case $value in '' | *[!0-9.e+]*) echo '?' ;; *) echo "$value" ;; esac
}

is_folder() { ! [ -L "$1" ] && [ -d "$1" ]; }

active() { # the folder of a home's sessions, below folders of these names
    folder=$1 names=$2
    is_folder "$folder" || return
    for part in $names; do
        folder=$folder/$part
        is_folder "$folder" || return
    done
}

sessions_in() { # a container, the folder of a home's sessions
    count=0
    for session in "$2"/session-*; do
        is_folder "$session" || continue
        count=$((count + 1))
        [ "$count" -le 50 ] || { echo "session $1 ? ? -"; break; }
        echo "session $1 - - -"
        for folder in "$session/properites" "$session/properties"; do # the first is RStudio's way
            is_folder "$folder" || continue
            executing=$(number "$folder/executing") written=-
            [ "$executing" = 0 ] || written=$(stat -c %Y "$folder/executing" || echo -)
            echo "session $1 $executing $(number "$folder/last-used") $written"
        done
    done
}

sessions_of() { # a container, its first process
    root=$proc/$2/root homes=
    [ -x "$root/" ] || return
    is_folder "$root/home" && homes=$root/home
    homes_count=0
    for home in "$root/root" ${homes:+"$homes"/*}; do
        homes_count=$((homes_count + 1))
        [ "$homes_count" -le 100 ] || { echo "session $1 ? ? -"; return; }
        ! active "$home" '.local share rstudio sessions active' || sessions_in "$1" "$folder"
        ! active "$home" '.rstudio sessions active' || sessions_in "$1" "$folder" # before 1.4
    done
}

# --- all of it -----------------------------------------------------------------------------------

# Children before their parents (from the highest number down): one that ends meanwhile is counted
# twice rather than not. grep puts the file before each line, so that a name with a line end in it
# is no other process.
look() {
    {
        date '+clock %s'
        (cd "$proc" && printf '%s/stat\n' [1-9]* | sort -rn | xargs grep -Hs '')
    } | awk -v proc="$proc" -v self="$self" "$facts"
}

# mawk 1.3.4 gives up when a process ends under it ("read error (No such process)").
for try in 1 2 3; do
    seen=$(look)
    case $seen in *"
end") break ;; esac
done
printf '%s\n' "$seen" | while IFS= read -r line; do
    case $line in
    'container '*' rstudio '*)
        id=${line#container } pid=${id#* }
        sessions_of "${id%% *}" "${pid%% *}"
        ;;
    esac
    printf '%s\n' "$line"
done
