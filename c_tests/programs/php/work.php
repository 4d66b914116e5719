<?php
// Arrays, strings, objects in circles, generators, regular expressions, json, serialized data.

final class Node
{
    public ?Node $next = null;
    public array $children = [];

    public function __construct(public readonly int $number, public ?Node $parent = null) {}
}

function circles(int $count): int
{
    $sum = 0;
    for ($i = 0; $i < $count; $i++) {
        $root = new Node($i);
        $root->next = $root;
        for ($k = 0; $k < 5; $k++) {
            $root->children[] = new Node($k, $root);
        }
        $sum += count($root->children) + $root->next->number % 3;
    }
    return $sum + (gc_collect_cycles() >= 0 ? 1 : 0);
}

function words(int $count): Generator
{
    for ($i = 0; $i < $count; $i++) {
        yield str_repeat(base_convert((string) ($i * 7919 % 100003), 10, 36), $i % 6 + 1);
    }
}

ini_set('memory_limit', '512M');
$counts = [];
foreach (words(60000) as $word) {
    $key = substr($word, 0, 2);
    $counts[$key] = ($counts[$key] ?? 0) + strlen($word);
}
ksort($counts);
echo hash('sha256', json_encode($counts)), "\n";
echo circles(30000), "\n";

$all = iterator_to_array(words(50000));
usort($all, fn ($a, $b) => strlen($b) <=> strlen($a) ?: strcmp($a, $b));
echo md5(implode(',', $all)), ' ', count(array_unique($all)), "\n";
$copy = unserialize(serialize(array_map(fn ($word) => ['word' => $word, 'twice' => [$word]], $all)));
echo md5(json_encode($copy)), ' ', count(json_decode(json_encode($copy), true)), "\n";
unset($copy);

$text = implode(' ', array_slice($all, 0, 20000));
echo preg_match_all('/\b(\w)\w*\1\b/', $text), ' ';
echo md5(preg_replace_callback('/[0-9]+/', fn ($match) => strlen($match[0]) . $match[0][0], $text)), "\n";
$grown = '';
for ($i = 0; $i < 200000; $i++) {
    $grown .= chr(97 + $i * $i % 26);
}
echo md5(strrev(wordwrap($grown, 70, "\n", true))), ' ';
echo levenshtein(substr($grown, 0, 200), substr($text, 0, 200)), "\n";

$list = new SplDoublyLinkedList();
$heap = new SplMinHeap();
$table = new SplFixedArray(50000);
foreach ($all as $i => $word) {
    $list->push($word);
    $heap->insert([strlen($word), $word]);
    $table[$i] = [$word];
}
for ($i = 0; $i < 30000; $i++) {
    $list->shift();
    $heap->extract();
}
echo $list->top(), ' ', implode(' ', $heap->top()), ' ', count(array_filter($table->toArray())), "\n";
try {
    array_walk_recursive($counts, fn () => throw new RangeException('out of the walk'));
} catch (RangeException $exception) {
    echo $exception->getMessage(), ' ', strlen($exception->getTraceAsString()) > 10 ? 'traced' : '', "\n";
}
