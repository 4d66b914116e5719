# Hashes, strings that grow, regular expressions, nested data, fork and threads.
use strict;
use warnings;
use Config;
use Digest::MD5 qw(md5_hex);

my $state = 42;

# A generator of our own: perl's rand is not the same on every machine.
sub next_number {
    $state = ($state * 1103515245 + 12345) % 2147483648;
    return $state >> 8;
}

sub count_words {
    my %count;
    for (1 .. 300_000) {
        $count{ 'word' . (next_number() % 40_000) . ('x' x (next_number() % 30)) }++;
    }
    my @lines = map { "$_ $count{$_}" } sort keys %count;
    print 'words: ', scalar(@lines), ' ', md5_hex(join "\n", @lines), "\n";
}

sub grow_strings {
    my @strings = ('') x 200;
    for my $round (1 .. 1000) {
        $strings[ $_ * 7 % 200 ] .= chr(97 + ($round + $_) % 26) x ($_ % 9) for 1 .. 200;
    }
    my $text = join '|', @strings;
    my $changed = ($text =~ s/([a-m]+)([n-z]+)/$2$1/g);
    print 'strings: ', length($text), " $changed ", md5_hex($text), "\n";
}

sub nest_data {
    my %tree;
    for my $i (1 .. 60_000) {
        push @{ $tree{ $i % 97 }{ $i % 53 } }, { number => $i, square => $i * $i, name => "n$i" };
    }
    delete $tree{$_} for grep { $_ % 3 == 0 } keys %tree;
    my $sum = 0;
    for my $branch (values %tree) {
        $sum += $_->{square} for map { @$_ } values %$branch;
    }
    print "nested: $sum\n";
}

sub fork_children {
    for my $child (1 .. 5) {
        my $pid = open(my $pipe, '-|') // die "fork: $!";
        if ($pid == 0) {
            my @numbers = sort { $a <=> $b } map { next_number() % (1000 * $child) } 1 .. 20_000;
            print md5_hex("@numbers"), "\n";
            exit 0;
        }
        print "child $child: ", <$pipe>;
        close $pipe or die "child $child: $?";
    }
}

sub run_threads {
    unless ($Config{useithreads}) {
        print "threads: this perl has none\n";
        return;
    }
    require threads;
    my @threads = map {
        my $number = $_;
        threads->create(sub { md5_hex(join ',', map { $_ x $number } 1 .. 30_000) });
    } 1 .. 6;
    print 'thread: ', $_->join, "\n" for @threads;
}

sub save_maps {
    open my $from, '<', '/proc/self/maps' or die "maps: $!";
    open my $to, '>', 'maps.perl' or die "maps.perl: $!";
    print {$to} <$from>;
    close $to or die "maps.perl: $!";
}

$| = 1;
count_words();
grow_strings();
nest_data();
fork_children();
run_threads();
save_maps();
