package main

import (
	"context"
	"net/url"
	"sort"
	"time"

	"go.etcd.io/etcd/client/v3/naming/endpoints"
	"go.etcd.io/etcd/client/v3/naming/resolver"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	grpcresolver "google.golang.org/grpc/resolver"
)

// The endpoints manager of client/v3/naming.
type grpcNaming struct{ *leased }

type endpoint struct {
	Key      string `json:"key,omitempty"`
	Address  string `json:"address"`
	Metadata any    `json:"metadata"`
}

func byAddress(all []endpoint) []endpoint {
	sort.Slice(all, func(a, b int) bool { return all[a].Address < all[b].Address })
	return all
}

func newGrpcNaming(etcd string) (stack, error) {
	client, err := newLeased(etcd)
	return &grpcNaming{client}, err
}

func (n *grpcNaming) register(instance command) error {
	lease, err := n.lease(instance.TTL)
	if err != nil {
		return err
	}
	manager, err := endpoints.NewManager(n.Client, instance.Service)
	if err != nil {
		return err
	}
	written := endpoints.Endpoint{Addr: instance.Address}
	if instance.Metadata != nil {
		written.Metadata = instance.Metadata
	}
	return manager.AddEndpoint(context.Background(), instance.Service+"/"+instance.ID, written, lease)
}

func (n *grpcNaming) follow(service string, sees func(any)) error {
	manager, err := endpoints.NewManager(n.Client, service)
	if err != nil {
		return err
	}
	changes, err := manager.NewWatchChannel(context.Background())
	if err != nil {
		return err
	}
	sees([]endpoint{})
	go func() {
		known := map[string]endpoint{}
		for updates := range changes {
			for _, update := range updates {
				if update.Op == endpoints.Add {
					known[update.Key] = endpoint{update.Key, update.Endpoint.Addr, update.Endpoint.Metadata}
				} else {
					delete(known, update.Key)
				}
			}
			all := []endpoint{}
			for _, one := range known {
				all = append(all, one)
			}
			sees(byAddress(all))
		}
	}()
	return nil
}

// The gRPC resolver of client/v3/naming, and a gRPC client that calls what it finds.
type grpcResolver struct {
	*grpcNaming
	builder    grpcresolver.Builder
	connection *grpc.ClientConn
}

func newGrpcResolver(etcd string) (stack, error) {
	client, err := newLeased(etcd)
	if err != nil {
		return nil, err
	}
	builder, err := resolver.NewBuilder(client.Client)
	return &grpcResolver{grpcNaming: &grpcNaming{client}, builder: builder}, err
}

// What gRPC passes to a resolver, as far as this one uses it.
type addresses struct {
	grpcresolver.ClientConn
	sees func(any)
}

func (a addresses) UpdateState(state grpcresolver.State) error {
	all := []endpoint{}
	for _, address := range state.Addresses {
		all = append(all, endpoint{Address: address.Addr, Metadata: address.Metadata})
	}
	a.sees(byAddress(all))
	return nil
}

func (r *grpcResolver) follow(service string, sees func(any)) error {
	target, err := url.Parse("etcd:///" + service)
	if err != nil {
		return err
	}
	sees([]endpoint{})
	_, err = r.builder.Build(grpcresolver.Target{URL: *target}, addresses{sees: sees}, grpcresolver.BuildOptions{})
	return err
}

// `call` returns the address of the server that answered a health check of the service.
func (r *grpcResolver) run(asked command) (any, error) {
	if r.connection == nil {
		connection, err := grpc.NewClient("etcd:///"+asked.Service, grpc.WithResolvers(r.builder),
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`))
		if err != nil {
			return nil, err
		}
		r.connection = connection
	}
	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var server peer.Peer
	_, err := health.NewHealthClient(r.connection).Check(deadline, &health.HealthCheckRequest{}, grpc.Peer(&server), grpc.WaitForReady(true))
	if err != nil {
		return nil, err
	}
	return server.Addr.String(), nil
}
