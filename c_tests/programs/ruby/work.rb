# Strings, hashes, big numbers, threads, a fork, and the collector between them.

require 'digest'
require 'json'
require 'set'

words = (1..60_000).map { |number| (number * 7919 % 100_003).to_s(36) * (number % 5 + 1) }
counts = words.each_with_object(Hash.new(0)) { |word, all| all[word[0, 2]] += word.size }
puts Digest::SHA256.hexdigest(JSON.generate(counts.sort.to_h))

factorial = (1..2_000).inject(:*)
puts factorial.to_s.size, factorial.digits.sum

threads = 4.times.map do |own|
  Thread.new do
    text = +''
    5_000.times { |i| text << "#{own}:#{i};" * (i % 7 + 1) }
    Digest::SHA256.hexdigest(text)
  end
end
puts threads.map(&:value)

GC.start
GC.compact if GC.respond_to?(:compact)
reader, writer = IO.pipe
child = fork do
  reader.close
  writer.puts Set.new(words.map(&:reverse)).size
  exit!(0)
end
writer.close
puts reader.read
Process.wait(child)
puts $?.exitstatus
