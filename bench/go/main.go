// The same work as the programs of bench/etcd, by Go's client. It answers each command, a line of JSON, with a line of JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/naming/endpoints"
	"golang.org/x/sys/unix"
)

type command struct {
	Do       string `json:"do"`
	Revision int64  `json:"revision"`
}

type instance struct {
	V        int            `json:"v"`
	Address  string         `json:"address"`
	Weight   float64        `json:"weight"`
	Zone     string         `json:"zone"`
	Version  string         `json:"version"`
	Tags     []string       `json:"tags"`
	Metadata map[string]any `json:"metadata"`
}

type answer map[string]any

// Milliseconds of the clock that Node's process.hrtime reads.
func clock() float64 {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return float64(now.Sec)*1e3 + float64(now.Nsec)/1e6
}

func cpu() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
}

func used() answer {
	spent := cpu()
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	var resident int64
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		fmt.Sscanf(string(statm), "%d %d", new(int64), &resident)
	}
	return answer{"cpu": spent, "heap": memory.HeapAlloc, "rss": resident * int64(os.Getpagesize()), "sockets": 1}
}

func must[A any](value A, err error) A {
	if err != nil {
		panic(err)
	}
	return value
}

// Repeats a call until it succeeds: etcd refuses some of thousands of calls.
func retried[A any](run func() (A, error)) A {
	for {
		if value, err := run(); err == nil {
			return value
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func parsed(value []byte) instance {
	var one instance
	if err := json.Unmarshal(value, &one); err != nil {
		panic(err)
	}
	return one
}

var kept any

func get(client *clientv3.Client, prefix string) (any, int) {
	response := must(client.Get(context.Background(), prefix, clientv3.WithPrefix()))
	return response, len(response.Kvs)
}

func getParsed(client *clientv3.Client, prefix string) (any, int) {
	response := must(client.Get(context.Background(), prefix, clientv3.WithPrefix()))
	instances := make(map[string]instance, len(response.Kvs))
	for _, kv := range response.Kvs {
		instances[string(kv.Key[len(prefix):])] = parsed(kv.Value)
	}
	return instances, len(instances)
}

func getEndpoints(client *clientv3.Client, prefix string) (any, int) {
	manager := must(endpoints.NewManager(client, strings.TrimSuffix(prefix, "/")))
	instances := must(manager.List(context.Background()))
	return instances, len(instances)
}

var ways = map[string]func(*clientv3.Client, string) (any, int){"plain": get, "parsed": getParsed, "endpoints": getEndpoints}

func list(client *clientv3.Client, prefix string, way string) answer {
	began, spent := clock(), cpu()
	instances, size := ways[way](client, prefix)
	kept = instances
	return answer{"ms": clock() - began, "cpu": cpu() - spent, "stall": 0, "size": size}
}

type following struct {
	sync.Mutex
	arrivals []float64
	reached  int64
	changed  *sync.Cond
}

func (f *following) arrived(revision int64) {
	f.Lock()
	f.arrivals = append(f.arrivals, float64(revision), clock())
	f.reached = revision
	f.Unlock()
	f.changed.Broadcast()
}

func (f *following) follow(client *clientv3.Client, prefix string) {
	instances := map[string]instance{}
	response := must(client.Get(context.Background(), prefix, clientv3.WithPrefix()))
	for _, kv := range response.Kvs {
		instances[string(kv.Key[len(prefix):])] = parsed(kv.Value)
	}
	kept = instances
	f.arrived(response.Header.Revision)
	for batch := range client.Watch(context.Background(), prefix, clientv3.WithPrefix(), clientv3.WithRev(response.Header.Revision+1)) {
		for _, event := range batch.Events {
			id := string(event.Kv.Key[len(prefix):])
			if event.Type == clientv3.EventTypeDelete {
				delete(instances, id)
			} else {
				instances[id] = parsed(event.Kv.Value)
			}
		}
		if count := len(batch.Events); count > 0 {
			f.arrived(batch.Events[count-1].Kv.ModRevision)
		}
	}
}

type registrations struct {
	sync.Mutex
	ttl       int64
	renewedAt []float64
}

func (h *registrations) renewedNow(at int) {
	h.Lock()
	h.renewedAt[at] = clock()
	h.Unlock()
}

func (h *registrations) since(since float64) (count int, last float64) {
	h.Lock()
	defer h.Unlock()
	for _, when := range h.renewedAt {
		if when > since {
			count++
		}
		last = max(last, when)
	}
	return
}

// Waits until all have been renewed, for two TTLs at most. Returns their number and the time of the last renewal.
func (h *registrations) renewed() answer {
	since := clock()
	for {
		count, last := h.since(since)
		if count == len(h.renewedAt) || clock() > since+2_000*float64(h.ttl) {
			return answer{"renewed": count, "at": last}
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (h *registrations) register(client *clientv3.Client, prefix string) answer {
	began, spent := clock(), cpu()
	var all sync.WaitGroup
	for at := range h.renewedAt {
		all.Add(1)
		go func() {
			key, value := fmt.Sprintf("%snode-%06d", prefix, at), fmt.Sprintf(`{"v":1,"address":"10.0.0.1:8080","metadata":{"pid":%d}}`, at)
			lease := retried(func() (*clientv3.LeaseGrantResponse, error) { return client.Grant(context.Background(), h.ttl) })
			// Only the put is repeated. Granting again would leave a lease for each refused put.
			retried(func() (*clientv3.PutResponse, error) {
				return client.Put(context.Background(), key, value, clientv3.WithLease(lease.ID))
			})
			answers := must(client.KeepAlive(context.Background(), lease.ID))
			all.Done()
			for range answers {
				h.renewedNow(at)
			}
		}()
	}
	all.Wait()
	return answer{"ms": clock() - began, "cpu": cpu() - spent}
}

func main() {
	what, endpoint, service := os.Args[1], os.Args[2], os.Args[3]
	client := must(clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 5 * time.Second, MaxCallRecvMsgSize: 1 << 30}))
	prefix := "/rx-discovery/" + service + "/"
	followed := &following{}
	followed.changed = sync.NewCond(followed)
	var registered *registrations
	if what == "watch" {
		go followed.follow(client, prefix)
	}
	answers := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var request command
		if err := json.Unmarshal(lines.Bytes(), &request); err != nil {
			panic(err)
		}
		switch request.Do {
		case "spent":
			answers.Encode(answer{"cpu": cpu()})
		case "used":
			answers.Encode(used())
		case "list":
			answers.Encode(list(client, prefix, os.Args[4]))
		case "register":
			count, _ := strconv.Atoi(os.Args[4])
			ttl, _ := strconv.ParseInt(os.Args[5], 10, 64)
			registered = &registrations{ttl: ttl, renewedAt: make([]float64, count)}
			answers.Encode(registered.register(client, prefix))
		case "renewed":
			answers.Encode(registered.renewed())
		case "reach":
			followed.Lock()
			for followed.reached < request.Revision {
				followed.changed.Wait()
			}
			followed.Unlock()
			answers.Encode(answer{"at": clock()})
		case "taken":
			followed.Lock()
			answers.Encode(answer{"arrivals": followed.arrivals, "cpu": cpu()})
			followed.arrivals = []float64{}
			followed.Unlock()
		}
	}
}
