declare module 'hamt_plus' {
  interface Hamt<V> {
    readonly set: (key: string, value: V) => Hamt<V>
    readonly get: (key: string) => V | undefined
    readonly entries: () => IterableIterator<[string, V]>
  }
  const hamt: { readonly make: <V>() => Hamt<V> }
  export default hamt
}
