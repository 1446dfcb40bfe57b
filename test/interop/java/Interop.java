import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.annotations.SerializedName;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.dubbo.common.URL;
import org.apache.dubbo.event.EventDispatcher;
import org.apache.dubbo.event.EventListener;
import org.apache.dubbo.registry.client.DefaultServiceInstance;
import org.apache.dubbo.registry.client.ServiceInstance;
import org.apache.dubbo.registry.client.event.ServiceInstancesChangedEvent;
import org.apache.dubbo.registry.client.event.listener.ServiceInstancesChangedListener;
import org.apache.dubbo.registry.client.metadata.ServiceInstanceMetadataUtils;
import org.apache.dubbo.registry.etcd.EtcdServiceDiscovery;

/**
 * The other side of the tests in test/interop: dubbo-java's registry for etcd. Argument: host and port of etcd. It answers each command, a line of JSON,
 * with a line of JSON, and prints {"sees": …} whenever what it follows has changed.
 */
public class Interop {
  static class Command {
    @SerializedName("do") String name;
    String service;
    String id;
    String address;
    Map<String, String> metadata;
    int ttl;
  }

  private static final Gson json = new GsonBuilder().serializeNulls().create();

  private final String etcd;
  private EtcdServiceDiscovery writer;
  private EtcdServiceDiscovery follower;

  Interop(String etcd) {
    this.etcd = etcd;
  }

  private EtcdServiceDiscovery connected(int ttl) throws Exception {
    EtcdServiceDiscovery discovery = new EtcdServiceDiscovery();
    discovery.initialize(URL.valueOf("etcd3://" + etcd + "?session=" + ttl * 1000));
    return discovery;
  }

  private static synchronized void print(String name, Object value) {
    System.out.println(json.toJson(Collections.singletonMap(name, value)));
  }

  /** Its lists may be unmodifiable. */
  private static void sees(List<ServiceInstance> instances) {
    List<ServiceInstance> sorted = new ArrayList<>(instances);
    sorted.sort(Comparator.comparing(ServiceInstance::getAddress));
    print("sees", sorted);
  }

  private void register(Command instance) throws Exception {
    boolean first = writer == null;
    if (first) writer = connected(instance.ttl);
    String[] address = instance.address.split(":");
    DefaultServiceInstance written = new DefaultServiceInstance(instance.id, instance.service, address[0], Integer.parseInt(address[1]));
    // The order of a `HashMap` would depend on the keys.
    written.setMetadata(new TreeMap<>(instance.metadata));
    if (first) {
      writer.register(written);
    } else {
      // Without this mark, an update writes nothing.
      written.getExtendParams().put(ServiceInstanceMetadataUtils.INSTANCE_REVISION_UPDATED_KEY, "true");
      writer.update(written);
    }
  }

  private void leave() {
    writer.destroy();
    writer = null;
  }

  private void follow(String service) throws Exception {
    follower = connected(60);
    EventDispatcher.getDefaultExtension().addEventListener(new EventListener<ServiceInstancesChangedEvent>() {
      @Override
      public void onEvent(ServiceInstancesChangedEvent event) {
        sees(event.getServiceInstances());
      }
    });
    follower.addServiceInstancesChangedListener(new ServiceInstancesChangedListener(Collections.singleton(service), follower));
    list(service);
  }

  private void list(String service) {
    sees(follower.getInstances(service));
  }

  private void run(Command command) throws Exception {
    switch (command.name) {
      case "register": register(command); break;
      case "leave": leave(); break;
      case "follow": follow(command.service); break;
      case "list": list(command.service); break;
      default: throw new IllegalArgumentException("there is no command " + command.name);
    }
  }

  public static void main(String[] args) throws Exception {
    Interop interop = new Interop(args[0]);
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    print("answer", null);
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      try {
        interop.run(json.fromJson(line, Command.class));
        print("answer", null);
      } catch (Exception failure) {
        print("error", failure.toString());
      }
    }
    System.exit(0);
  }
}
