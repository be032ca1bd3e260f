/// Where resources live in the controller's store: `/quorate.dev/etcdclusters/default/orders`.
public enum ObjectKey {
    public static let root = "/quorate.dev/"

    public static func prefix(plural: String) -> String {
        "\(self.root)\(plural)/"
    }

    public static func prefix(plural: String, namespace: String) -> String {
        "\(self.root)\(plural)/\(namespace)/"
    }

    public static func key(plural: String, namespace: String, name: String) -> String {
        "\(self.root)\(plural)/\(namespace)/\(name)"
    }

    /// Events about one object: `/quorate.dev/events/default/EtcdCluster/orders/`, followed by the reason and a number.
    public static func eventPrefix(namespace: String, kind: String, name: String) -> String {
        "\(self.root)events/\(namespace)/\(kind)/\(name)/"
    }

    /// Under which controllers elect the one that acts.
    public static let election = "/quorate.dev/election"
}
