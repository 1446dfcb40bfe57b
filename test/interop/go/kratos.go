package main

import (
	"context"
	"encoding/json"
	"sort"

	"github.com/go-kratos/kratos/v2/registry"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// The struct that Kratos stores. Reading and writing are a copy of what its registry for etcd does, since that is a module of its own.
type kratos struct{ *leased }

func newKratos(etcd string) (stack, error) {
	client, err := newLeased(etcd)
	return &kratos{client}, err
}

const namespace = "/microservices/"

func (k *kratos) register(instance command) error {
	lease, err := k.lease(instance.TTL)
	if err != nil {
		return err
	}
	value, err := json.Marshal(&registry.ServiceInstance{
		ID:        instance.ID,
		Name:      instance.Service,
		Version:   "v1",
		Metadata:  instance.Metadata,
		Endpoints: []string{"grpc://" + instance.Address + "?isSecure=false", "http://" + instance.Address + "?isSecure=false"},
	})
	if err != nil {
		return err
	}
	_, err = k.Put(context.Background(), namespace+instance.Service+"/"+instance.ID, string(value), lease)
	return err
}

func (k *kratos) list(service string) ([]*registry.ServiceInstance, error) {
	stored, err := k.Get(context.Background(), namespace+service, clientv3.WithPrefix())
	if err != nil {
		return nil, err
	}
	all := []*registry.ServiceInstance{}
	for _, kv := range stored.Kvs {
		instance := &registry.ServiceInstance{}
		if err := json.Unmarshal(kv.Value, instance); err != nil {
			return nil, err
		}
		if instance.Name == service {
			all = append(all, instance)
		}
	}
	sort.Slice(all, func(a, b int) bool { return all[a].ID < all[b].ID })
	return all, nil
}

func (k *kratos) follow(service string, sees func(any)) error {
	changes := k.Watch(context.Background(), namespace+service, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	report := func() error {
		all, err := k.list(service)
		if err == nil {
			sees(all)
		}
		return err
	}
	<-changes
	if err := report(); err != nil {
		return err
	}
	go func() {
		for range changes {
			if err := report(); err != nil {
				panic(err)
			}
		}
	}()
	return nil
}
