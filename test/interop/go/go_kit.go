package main

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/etcdv3"
	"github.com/go-kit/log"
)

// go-kit's sd/etcdv3.
type goKit struct {
	client    etcdv3.Client
	registrar *etcdv3.Registrar
	failure   error
}

func newGoKit(etcd string) (stack, error) {
	client, err := etcdv3.NewClient(context.Background(), []string{etcd}, etcdv3.ClientOptions{})
	return &goKit{client: client}, err
}

// A registrar reports its failures to its log alone.
func (k *goKit) Log(fields ...any) error {
	for at := 0; at+1 < len(fields); at += 2 {
		if fields[at] == "err" {
			k.failure = fmt.Errorf("%v", fields[at+1])
		}
	}
	return nil
}

func (k *goKit) register(instance command) error {
	k.registrar = etcdv3.NewRegistrar(k.client, etcdv3.Service{
		Key:   "/services/" + instance.Service + "/" + instance.ID,
		Value: "http://" + instance.Address,
		TTL:   etcdv3.NewTTLOption(500*time.Millisecond, time.Duration(instance.TTL)*time.Second),
	}, k)
	k.registrar.Register()
	return k.failure
}

func (k *goKit) leave() error {
	k.registrar.Deregister()
	return k.failure
}

func (k *goKit) follow(service string, sees func(any)) error {
	instancer, err := etcdv3.NewInstancer(k.client, "/services/"+service+"/", log.NewNopLogger())
	if err != nil {
		return err
	}
	changes := make(chan sd.Event)
	go func() {
		for change := range changes {
			all := append([]string{}, change.Instances...)
			sort.Strings(all)
			sees(all)
		}
	}()
	instancer.Register(changes)
	return nil
}
