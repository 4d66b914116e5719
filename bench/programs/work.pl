# What a Perl program does with memory: hashes, arrays of arrays, strings that grow, patterns. The
# argument says how often.

use strict;
use warnings;

my $total = 0;
for my $repetition (1 .. $ARGV[0]) {
    my ($seed, %places, @rows) = ($repetition);
    for my $number (1 .. 20000) {
        $seed = ($seed * 1103515245 + 12345) % 2147483648;
        my $word = 'w' . $seed % 5000;
        push @{ $places{$word} }, $number;
        push @rows, [$number, $word, "$word:" x ($number % 7)];
    }
    my $text = join ' ', map { "$_=" . scalar @{ $places{$_} } } sort keys %places;
    $total += length $1 while $text =~ /(w\d+)=[3-5]\b/g;
    $text =~ s/w(\d)(\d*)/$2$1/g;
    $total += length $text;
    $total += grep { $_->[2] =~ /^(?:w\d+:){4}/ } sort { $a->[1] cmp $b->[1] } @rows;
}
print "$total\n";
