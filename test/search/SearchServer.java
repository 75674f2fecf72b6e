import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.opensearch.common.settings.Settings;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.Plugin;
import org.opensearch.transport.Netty4Plugin;

/**
 * Runs OpenSearch itself on 127.0.0.1, in one process without a cluster: `SearchServer <folder> <port>`. It prints
 * `listening` once it answers, and ends with its standard input.
 */
public class SearchServer {
  public static void main(String[] arguments) throws Exception {
    var folder = Path.of(arguments[0]);
    var settings = Settings.builder()
        .put("path.home", folder)
        .put("path.data", folder.resolve("data"))
        .put("path.logs", folder.resolve("logs"))
        .put("network.host", "127.0.0.1")
        .put("http.port", arguments[1])
        .put("transport.port", "0")
        .put("discovery.type", "single-node")
        .put("node.name", "test")
        .put("transport.type", "netty4")
        .put("http.type", "netty4")
        .put("cluster.routing.allocation.disk.threshold_enabled", false)
        .put("action.auto_create_index", false)
        .build();
    var environment = InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "test");
    try (var node = new SearchNode(environment, List.of(Netty4Plugin.class))) {
      node.start();
      System.out.println("listening");
      while (System.in.read() != -1);
    }
  }

  private static class SearchNode extends Node {
    SearchNode(org.opensearch.env.Environment environment, List<Class<? extends Plugin>> plugins) {
      super(environment, plugins, true);
    }
  }
}
