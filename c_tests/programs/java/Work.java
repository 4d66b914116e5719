import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/** Collections, streams, and what Java takes from malloc: threads, direct buffers, zlib. */
public class Work {
    public static void main(String[] arguments) throws Exception {
        System.out.println(collections());
        System.out.println(streams());
        System.out.println(inThreads());
        System.out.println(manyThreads());
        Files.copy(Path.of("/proc/self/maps"), Path.of("maps.java"));
    }

    static String collections() {
        Map<String, List<Integer>> lists = new HashMap<>();
        for (int i = 0; i < 400_000; i++) {
            lists.computeIfAbsent("key " + i * 31 % 20_011, key -> new ArrayList<>()).add(i);
        }
        long total = 0;
        for (Map.Entry<String, List<Integer>> entry : new TreeMap<>(lists).entrySet()) {
            total = total * 31 + entry.getKey().hashCode() + entry.getValue().size();
        }
        return "collections: " + lists.size() + " " + total;
    }

    static String streams() {
        Map<Integer, Long> groups = IntStream.range(0, 500_000).parallel().boxed()
            .collect(Collectors.groupingByConcurrent(
                i -> i % 101, Collectors.summingLong(i -> (long) i * i)));
        return "streams: " + new TreeMap<>(groups).hashCode();
    }

    static String inThreads() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Callable<String>> jobs = new ArrayList<>();
        for (int i = 0; i < 32; i++) {
            int seed = i;
            jobs.add(() -> directBuffers(seed) + " " + compress(seed));
        }
        List<String> results = new ArrayList<>();
        for (Future<String> result : pool.invokeAll(jobs)) {
            results.add(result.get());
        }
        pool.shutdown();
        return "in threads:\n" + String.join("\n", results);
    }

    static String directBuffers(int seed) {
        CRC32 sum = new CRC32();
        for (int i = 1; i <= 200; i++) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(i * 37 % 9000 + seed);
            while (buffer.hasRemaining()) {
                if (buffer.get(buffer.position()) != 0) {
                    return "a direct buffer that is not zero";
                }
                buffer.put((byte) (buffer.position() + seed));
            }
            sum.update(buffer.flip());
        }
        return Long.toHexString(sum.getValue());
    }

    static String compress(int seed) throws Exception {
        byte[] text = ("seed " + seed + " and more of the same; ").repeat(5000).getBytes();
        byte[] packed = new byte[text.length];
        byte[] unpacked = new byte[text.length];
        Deflater deflater = new Deflater(9);
        deflater.setInput(text);
        deflater.finish();
        int length = deflater.deflate(packed);
        deflater.end();
        Inflater inflater = new Inflater();
        inflater.setInput(packed, 0, length);
        inflater.inflate(unpacked);
        inflater.end();
        return length + " " + java.util.Arrays.equals(text, unpacked);
    }

    static String manyThreads() throws InterruptedException {
        Map<Integer, Integer> seen = new ConcurrentHashMap<>();
        for (int round = 0; round < 20; round++) {
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 50; i++) {
                int number = round * 50 + i;
                Runnable job = () -> seen.put(number, "thread ".repeat(number).hashCode());
                threads.add(new Thread(job));
            }
            threads.forEach(Thread::start);
            for (Thread thread : threads) {
                thread.join();
            }
        }
        return "threads: " + seen.size() + " " + new TreeMap<>(seen).hashCode();
    }
}
