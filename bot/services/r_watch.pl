# Runs somebody's R code as one who may do nothing, watches it, and reports what came of it.
#
# It is the first process of a container without network, whose root cannot be written to and whose
# only room is /tmp, in memory. It is root there, with no capability but to become user 1000 and to
# end that user's processes; the code runs as user 1000. So the code cannot end, stop or trace this
# program, cannot write to its report, and cannot write to /keep, a volume on the VM's disk that has
# no limit of its own. Only Perl's base package is needed: each Debian and Ubuntu has it, R needs it.
#
# Arguments are name=value: time, lock (seconds), output, plot_bytes, keep_bytes (bytes), plots,
# width, height (pixels), resolution (per inch), keep, forget (1 or 0), code.
# Report, on standard output: lines of a name, a blank, and a value, bytes in base 64 and in several
# lines; the last one is `end`. It is read by bot/services/r_report.py.
use strict;
use warnings;
use Fcntl qw(:flock :mode O_RDONLY O_WRONLY O_CREAT O_TRUNC O_NOFOLLOW O_NONBLOCK);
use POSIX qw(WNOHANG setgid setuid);

my %given = map { split /=/, $_, 2 } @ARGV;
my $USER  = 1000;
my ($WORK, $PLOTS, $CODE, $PROFILE) = qw(/tmp/work /tmp/plots /tmp/code.R /tmp/profile.R);
my ($KEPT, $NEW, $LOCK) = qw(/keep/workspace.RData /keep/new.RData /keep/lock);
my $LINE      = 6000;       # bytes; the engine cuts lines of a log at 16 KB
my $READ      = 65_536;
my $TELL_R_S  = 1;          # from asking R to end to ending it
my $is_stopped = 0;
$SIG{TERM} = $SIG{INT} = sub { $is_stopped = 1 };
$SIG{CHLD} = sub { };       # wakes `select` up
$SIG{PIPE} = 'IGNORE';
umask 022;

sub seconds { (POSIX::times())[0] / POSIX::sysconf(&POSIX::_SC_CLK_TCK) }
sub pause   { select undef, undef, undef, shift }

sub report { print STDOUT "$_[0] $_[1]\n" }

sub report_bytes {
    my ($name, $bytes) = @_;
    for (my $at = 0; $at < length $bytes; $at += $LINE) {
        report($name, base64(substr $bytes, $at, $LINE));
    }
}

sub base64 {    # MIME::Base64 is not in Perl's base package
    my $packed = pack 'u', shift;
    my $padding = '';
    my $text = join '', map {
        my $length = ord($_) - 32;
        my $line = substr $_, 1;
        $padding = '=' x ((3 - $length % 3) % 3);
        $line
    } split /\n/, $packed;
    $text =~ tr#` -_#AA-Za-z0-9+/#;
    substr($text, -length $padding) = $padding if $padding;
    return $text;
}

# --- what is kept between runs ---

sub locked {        # one run at a time: another one of the same person's would be lost
    sysopen my $lock, $LOCK, O_WRONLY | O_CREAT or return;
    my $until = seconds() + $given{lock};
    until (flock $lock, LOCK_EX | LOCK_NB) {
        return if $is_stopped || seconds() > $until;
        pause(0.1);
    }
    return $lock;
}

sub bytes_of {      # of a plain file that may be anything; nothing, when it is more than so many
    my ($path, $most) = @_;
    sysopen my $file, $path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK or return;
    my @is = stat $file;
    return unless S_ISREG($is[2]) && $is[7] > 0 && $is[7] <= $most;
    my $bytes = '';
    1 while sysread $file, $bytes, $READ, length $bytes and length $bytes <= $most;
    return length $bytes <= $most ? $bytes : undef;
}

sub keep {          # "yes", "large", "unchanged" (the code asked R not to save), "failed"
    my @is = lstat "$WORK/.RData" or return 'unchanged';
    return 'large' if $is[7] > $given{keep_bytes};
    sysopen my $from, "$WORK/.RData", O_RDONLY | O_NOFOLLOW | O_NONBLOCK or return 'failed';
    return 'failed' unless S_ISREG((stat $from)[2]);
    sysopen my $to, $NEW, O_WRONLY | O_CREAT | O_TRUNC, 0644 or return 'failed';
    my ($is_well, $done) = (1, 0);
    while (my $size = sysread($from, my $part, $READ)) {
        $done += $size;
        $is_well &&= $done <= $given{keep_bytes} && (syswrite($to, $part) // 0) == $size;
        last unless $is_well;
    }
    $is_well &&= close $to;
    return 'yes' if $is_well && rename $NEW, $KEPT;    # whole, or not at all
    unlink $NEW;
    return 'failed';
}

# --- running the code ---

sub become_nobody {
    $) = "$USER $USER";
    setgid($USER);
    setuid($USER);
    die "still somebody\n" if $< != $USER || $> != $USER || $( != $USER || setuid(0);
}

sub written {
    my ($path, $text) = @_;
    open my $file, '>', $path or die "$path: $!\n";
    print {$file} $text;
    close $file or die "$path: $!\n";
}

sub profile {
    return <<"END";
local({
  number <- 0L
  options(device = function(...) {
    number <<- number + 1L
    grDevices::png(sprintf("$PLOTS/%03d-%%03d.png", number),
      width = $given{width}, height = $given{height}, res = $given{resolution})
  })
})
END
}

sub run_code {      # never returns
    my ($out) = @_;
    setpgrp;
    if (open my $score, '>', '/proc/self/oom_score_adj') {    # the code goes first, not its watcher
        print {$score} '1000';
        close $score;
    }
    become_nobody();
    mkdir $_ or die "$_: $!\n" for $WORK, $PLOTS;
    chdir $WORK or die "$WORK: $!\n";
    written($CODE, "$given{code}\n");
    written($PROFILE, profile());
    if ($given{keep} && -e $KEPT) {
        my $kept = bytes_of($KEPT, -s $KEPT) // die "what was kept cannot be read: $!\n";
        written('.RData', $kept);
    }
    @ENV{qw(HOME TMPDIR R_PROFILE_USER)} = ($WORK, '/tmp', $PROFILE);
    $ENV{LANG} //= 'C.UTF-8';
    open STDIN, '<', '/dev/null' or die "$!\n";
    open STDOUT, '>&', $out or die "$!\n";
    open STDERR, '>&', $out or die "$!\n";
    my @saving = $given{keep} ? qw(--save --restore) : qw(--no-save --no-restore);
    exec 'R', '--no-echo', @saving, '--no-restore-history', "--file=$CODE" or die "R: $!\n";
}

my ($total, $head, $tail) = (0, '', '');

sub take {          # the beginning and the end of what is printed, and how much it was
    my ($part) = @_;
    my $half = int($given{output} / 2);
    $total += length $part;
    my $missing = $half - length $head;
    $head .= substr $part, 0, $missing, '' if $missing > 0;
    $tail .= $part;
    substr($tail, 0, length($tail) - $half, '') if length $tail > 2 * $half;
}

sub watch {         # until the code has ended, or has to: its wait status, and why
    my ($pid, $from) = @_;
    my ($status, $is_open, $why) = (undef, 1, 'ended');
    my $deadline = seconds() + $given{time};
    until (defined $status) {
        my $ready = '';
        vec($ready, fileno $from, 1) = 1 if $is_open;
        if (select($ready, undef, undef, 0.1) > 0) {
            my $size = sysread($from, my $part, $READ);
            $size ? take($part) : ($is_open = !defined $size);
        }
        while ((my $gone = waitpid -1, WNOHANG) > 0) {
            $status = $? if $gone == $pid;
        }
        if ($why eq 'ended' && !defined $status && ($is_stopped || seconds() > $deadline)) {
            $why = $is_stopped ? 'stopped' : 'time';
            $deadline = seconds() + $TELL_R_S;
            kill INT => $pid;        # R closes its plots then
        }
        last if $why ne 'ended' && seconds() > $deadline;
    }
    kill KILL => -1;                 # whatever it has started; all but this process
    while ((my $gone = waitpid -1, 0) > 0) {
        $status //= $? if $gone == $pid;
    }
    while (my $size = sysread($from, my $part, $READ)) {
        take($part);
    }
    return ($status // 0, $why);
}

sub counted {       # from the first of these files that there is: control groups v2, then v1
    my ($pattern, @paths) = @_;
    for my $path (@paths) {
        open my $file, '<', $path or next;
        local $/;
        return <$file> =~ $pattern ? $1 : 0;
    }
    return 0;
}

sub is_full {       # whether /tmp has no room left
    my $probe = '/tmp/.probe';
    sysopen my $file, $probe, O_WRONLY | O_CREAT | O_TRUNC, 0600 or return 1;
    my $is_written = (syswrite($file, "\0" x $READ) // 0) == $READ;
    close $file;
    unlink $probe;
    return $is_written ? 0 : 1;
}

sub report_plots {
    my @found;
    for my $folder ($PLOTS, $WORK) {
        opendir my $all, $folder or next;
        push @found, map { "$folder/$_" } sort grep { /^[^.].*\.(?:png|jpe?g)$/i } readdir $all;
    }
    my $left = $given{plot_bytes};
    my $shown = 0;
    for my $path (@found) {
        last if $shown >= $given{plots};
        my $bytes = bytes_of($path, $left) // next;
        $left -= length $bytes;
        report_bytes('plot' . ++$shown, $bytes);
    }
    report('plots', scalar @found);
}

# --- from here it runs ---

my $lock;
if ($given{keep} || $given{forget}) {
    $lock = locked();
    unless ($lock) {
        report('why', $is_stopped ? 'stopped' : 'busy');
        report('end', 1);
        exit 0;
    }
}
if ($given{forget}) {
    report('forgot', -e $KEPT ? 1 : 0);
    unlink $KEPT, $NEW;
}
if (length $given{code}) {
    pipe(my $from, my $out) or die "$!\n";
    my $began = seconds();
    my $pid = fork // die "$!\n";
    if (!$pid) {
        eval { close $from; run_code($out) };
        syswrite $out, "$@";
        POSIX::_exit(125);
    }
    close $out;
    my ($status, $why) = watch($pid, $from);
    report('why', $why);
    report('exit', $status >> 8);
    report('signal', $status & 127);
    report('milliseconds', int(1000 * (seconds() - $began)));
    report('out_of_memory', counted(qr/^oom_kill (\d+)/m,
        '/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'));
    report('refused_processes', counted(qr/^max (\d+)/m,
        '/sys/fs/cgroup/pids.events', '/sys/fs/cgroup/pids/pids.events'));
    report('full', is_full());
    my $half = int($given{output} / 2);
    $tail = substr $tail, -$half if length $tail > $half;
    report('printed', $total);
    report_bytes('head', $head);
    report_bytes('tail', $tail);
    report('kept', keep()) if $given{keep} && $why eq 'ended' && $status == 0;
    report_plots();
}
report('end', 1);
